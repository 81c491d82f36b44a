// Knows tags and albums as they are written on pictures: chips that come off, and a field to add one.

import { catalog } from '../page/catalog.js';
import { element } from '../page/dom.js';
import * as search from './search.js';
import * as vocabulary from './vocabulary.js';

export const KINDS = {
	tag: { list: 'tag-names', add: 'Add a tag', adds: 'add_tags', removes: 'remove_tags', key: 'tag' },
	album: {
		list: 'album-names',
		add: 'Add to an album',
		adds: 'add_albums',
		removes: 'remove_albums',
		key: 'album',
	},
};

/** A field that hands on what was written: one name, or of tags several with commas between. */
export function field(kind, add) {
	const { list, add: title } = KINDS[kind];
	const input = element('input', {
		class: 'field-line label-field',
		'data-asks': 'ui_history_mark',
		list,
		placeholder: title,
		'aria-label': title,
		maxlength: catalog.limits.name,
		autocomplete: 'off',
		dir: 'auto',
	});
	const send = () => {
		const names = (kind === 'tag' ? input.value.split(',') : [input.value])
			.map((name) => name.trim())
			.filter(Boolean);
		if (!names.length) return;
		input.value = '';
		add(names);
	};
	input.addEventListener('keydown', (event) => {
		if (event.key !== 'Enter' || event.isComposing) return;
		event.preventDefault();
		send();
	});
	input.addEventListener('change', send);
	input.addEventListener('focus', vocabulary.offer);
	return input;
}

/** Chips of `names` in `holder`, each to look for and to take off, and the field after them. */
export function draw(holder, kind, names, change) {
	const { adds, removes, key } = KINDS[kind];
	const drawn = JSON.stringify(names);
	if (holder.dataset.drawn === drawn) return;
	holder.dataset.drawn = drawn;
	const had = holder.contains(document.activeElement) && document.activeElement.tagName === 'INPUT';
	const kept = had ? document.activeElement.value : '';
	const input = field(kind, (added) => change({ [adds]: added }));
	holder.replaceChildren(
		...names.map((name) =>
			element(
				'span',
				{ class: 'label' },
				element(
					'button',
					{
						type: 'button',
						class: 'label-name',
						title: `Look for ${key}:${name}`,
						onclick: () => search.toggle(key, name),
					},
					element('bdi', {}, name),
				),
				element(
					'button',
					{
						type: 'button',
						class: 'label-off',
						'data-asks': 'ui_history_mark',
						'aria-label': `Remove ${name}`,
						onclick: () => {
							input.focus();
							change({ [removes]: [name] });
						},
					},
					'×',
				),
			),
		),
		input,
	);
	if (had) {
		input.value = kept;
		input.focus();
	}
}

