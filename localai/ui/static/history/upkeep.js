// Knows the foot of the History tab: what lies in the trash, and whether the pictures and their files agree.

import { emit, on } from '../page/bus.js';
import { catalog } from '../page/catalog.js';
import { byId, element, later, redraw, write } from '../page/dom.js';
import { folds } from '../page/layers.js';
import { notify } from '../page/notice.js';
import * as pictures from '../page/pictures.js';
import { ask, connected } from '../page/server.js';
import * as tabs from '../page/tabs.js';
import * as words from '../page/words.js';
import * as detail from './detail.js';

const PAGE = 20;
let trash = [];
let total = 0;
let feet = null;

function thumb({ thumbnail }) {
	const image = element('img', {
		src: pictures.address(thumbnail || ''),
		alt: '',
		loading: 'lazy',
		decoding: 'async',
	});
	image.addEventListener('error', () => image.remove());
	return image;
}

function row(one) {
	return element(
		'li',
		{},
		element('span', { class: 'thumb', 'aria-hidden': 'true' }, thumb(one)),
		element(
			'span',
			{ class: 'row-text' },
			element(
				'span',
				{ class: 'row-name', dir: 'auto', title: one.prompt },
				one.prompt || `Picture ${one.picture}`,
			),
			element(
				'span',
				{ class: 'row-line' },
				`${words.size(one.bytes)}, deleted ${words.moment(one.deleted_at).replace(/^[TY]/, (letter) => letter.toLowerCase())}`,
			),
		),
		element(
			'button',
			{
				type: 'button',
				class: 'button',
				'aria-label': `Restore ${one.prompt || `picture ${one.picture}`}`,
				onclick: () => restore([one.id]),
			},
			'Restore',
		),
	);
}

function confirm(asking) {
	byId('history-trash-empty').hidden = asking;
	byId('history-trash-yes').hidden = !asking;
	byId('history-trash-no').hidden = !asking;
}

function draw(bytes) {
	write(
		byId('history-trash-button'),
		total ? `Trash (${words.count(total)}, ${words.size(bytes)})` : 'Trash',
	);
	byId('history-trash-none').hidden = total > 0;
	byId('history-trash-actions').hidden = !total;
	byId('history-trash-more').hidden = trash.length >= total;
	byId('history-trash-all').hidden = trash.length < 2;
	write(
		byId('history-trash-yes'),
		`Delete ${words.plural(total, 'picture')} for good, freeing ${words.size(bytes)}`,
	);
	if (redraw(byId('history-trash-rows'), [trash, total], () => trash.map(row))) confirm(false);
}

async function load(limit = Math.max(PAGE, trash.length)) {
	const answer = await ask(
		'ui_history_trash',
		{ limit: Math.min(limit, catalog.limits.page), offset: 0 },
		{ quiet: true },
	);
	if (answer.error) return;
	trash = answer.trash;
	total = answer.total;
	draw(answer.bytes);
}

async function restore(ids) {
	if (await pictures.restore(ids)) await load();
	(byId('history-trash-rows').querySelector('button') || byId('history-trash-button')).focus();
}

async function empty() {
	const answer = await ask('ui_history_trash_empty', {});
	if (answer.error) return;
	await load(PAGE);
	notify({ message: 'The trash is empty.', remedy: `${words.size(answer.freed)} freed.` });
	byId('history-trash-button').focus();
}

function attachTrash() {
	byId('history-trash-more').addEventListener('click', () => load(trash.length + 100));
	byId('history-trash-all').addEventListener('click', () => restore(trash.map((one) => one.id)));
	byId('history-trash-empty').addEventListener('click', () => {
		confirm(true);
		byId('history-trash-no').focus();
	});
	byId('history-trash-no').addEventListener('click', () => {
		confirm(false);
		byId('history-trash-empty').focus();
	});
	byId('history-trash-yes').addEventListener('click', empty);
}

const KINDS = [
	[
		'missing',
		'file is missing',
		'files are missing',
		'The settings are still here. Put back what is missing, or remove it from the list.',
	],
	[
		'orphaned',
		'file is not in the history',
		'files are not in the history',
		'Repair adds pictures that are not in the history yet, with their settings.',
	],
	[
		'changed',
		'file was changed since it was saved',
		'files were changed since they were saved',
		'Repair accepts the files as they are now.',
	],
	['unreadable', 'file cannot be read', 'files cannot be read', 'Damaged. Look for a copy in your backups.'],
];

function report(answer, done) {
	const troubles = KINDS.filter(([name]) => answer[name]);
	const repaired = answer.repaired
		? `${words.plural(answer.repaired, 'entry').replace('entrys', 'entries')} repaired. `
		: '';
	const looked = `${words.plural(answer.pictures, 'picture')} and ${words.plural(answer.files, 'file')} compared in ${words.seconds(answer.seconds)}.`;
	write(byId('history-check-words'), `${repaired}${troubles.length ? '' : 'All is well. '}${looked}`);
	byId('history-check-rows').replaceChildren(
		...troubles.map(([name, one, many, help]) => {
			const names = answer[`${name}_names`];
			return element(
				'li',
				{},
				element(
					'span',
					{ class: 'row-text' },
					element(
						'span',
						{ class: 'row-name' },
						`${words.count(answer[name])} ${answer[name] === 1 ? one : many}`,
					),
					element('span', { class: 'row-line' }, help),
					element(
						'details',
						{ class: 'names' },
						element('summary', {}, 'Which'),
						...names.map((text) => element('div', { dir: 'auto' }, text)),
						answer[name] > names.length
							? element('div', {}, `and ${words.count(answer[name] - names.length)} more`)
							: null,
					),
				),
			);
		}),
	);
	byId('history-check-repair').hidden = !(answer.orphaned || answer.changed || (answer.missing && !done));
	byId('history-check-forget').hidden = !answer.missing;
	sure(0);
	gone = answer.missing;
}

/** What cannot be taken back is asked about in place. */
function sure(asking) {
	const button = byId('history-check-forget');
	button.dataset.sure = asking ? 'yes' : '';
	button.classList.toggle('danger', Boolean(asking));
	write(
		button,
		asking
			? `Forget the settings of ${words.plural(asking, 'picture')} for good`
			: 'Remove missing pictures from the list',
	);
}
let gone = 0;

async function check(given) {
	const buttons = ['run', 'repair', 'forget'].map((name) => byId(`history-check-${name}`));
	for (const button of buttons) button.disabled = true;
	write(byId('history-check-words'), 'Comparing.');
	const answer = await ask('ui_history_check', given, { quiet: true });
	for (const button of buttons) button.disabled = false;
	if (answer.error)
		return write(byId('history-check-words'), `${answer.error.message} ${answer.error.remedy}`.trim());
	report(answer, Boolean(given.repair));
	if (given.repair || given.forget) emit('history');
	else detail.reload();
	byId('history-check-run').focus();
}

export function attach() {
	attachTrash();
	byId('history-check-run').addEventListener('click', () => check({ repair: false, forget: false }));
	byId('history-check-repair').addEventListener('click', () => check({ repair: true, forget: false }));
	byId('history-check-forget').addEventListener('click', (event) =>
		event.target.dataset.sure ? check({ repair: true, forget: true }) : sure(gone),
	);
	feet = folds(
		[byId('history-trash-button'), byId('history-trash'), () => load()],
		[byId('history-check-button'), byId('history-check')],
	);
	for (const name of ['tab', 'history'])
		on(
			name,
			later(() => tabs.open() === 'history' && connected() && load(), 300),
		);
}

/** Folds it, when it is unfolded. */
export function close() {
	const unfolded = ['trash', 'check'].find((name) => !byId(`history-${name}`).hidden);
	if (!unfolded) return false;
	feet.close();
	byId(`history-${unfolded}-button`).focus();
	return true;
}

