// Knows the Downloads tab: the one line that takes words, names and links, what the hub found, what suits this machine.

import { on } from '../page/bus.js';
import { catalog } from '../page/catalog.js';
import { byId, element, redraw, write } from '../page/dom.js';
import { recall, remember } from '../page/kept.js';
import { radios, walkable } from '../page/layers.js';
import * as library from '../page/library.js';
import { ask } from '../page/server.js';
import { state } from '../page/state.js';
import { licence, look, recommended, refresh as refreshSuggestions, row, suggestion } from '../page/suggestions.js';
import * as tabs from '../page/tabs.js';
import * as words from '../page/words.js';
import * as fetching from './fetching.js';
import * as hub from './hub.js';
import * as repository from './repository.js';

const HUB = /^(?:https:\/\/)?(?:www\.)?(?:huggingface\.co|hf\.co)\/([\w.-]+\/[\w.-]+)\/?(?:tree\/[^?#]*)?(?:[?#].*)?$/i;
const NAME = /^[\w.-]+\/[\w.-]+$/;
const GROUPS = [
	['fits', 'Fit this machine'],
	['offload', 'Fit by keeping parts in main memory'],
	['unknown', 'May or may not fit'],
	['too large', 'Need a bigger machine'],
];
let view = 'machine';
let turn = 0;
let found = [];

function result(one) {
	const mark = [one.gated ? 'Gated' : '', one.have ? 'Here already' : ''].filter(Boolean).join(', ');
	const line = [
		library.family(one) === 'Unknown' ? '' : library.family(one),
		one.kind === 'checkpoint' ? '' : library.kind(one),
		one.bytes ? words.gigabytes(one.bytes) : '',
		licence(one),
		`${words.count(one.downloads)} downloads`,
	]
		.filter(Boolean)
		.join(', ');
	return row(
		one.repo,
		one.repo,
		element('span', { class: 'row-line' }, line),
		[],
		{ ...one, mark },
		element(
			'button',
			{
				type: 'button',
				class: 'button row-act',
				'aria-label': `See files of ${one.repo}`,
				onclick: () => look(one.repo),
			},
			'See files',
		),
	);
}

async function drawMachine() {
	const list = await recommended();
	const holder = byId('hub-machine');
	if (!holder) return;
	const groups = GROUPS.map(([fit, title]) => [title, list.filter((one) => one.fit === fit)]);
	redraw(holder, list, () =>
		groups
			.filter(([, some]) => some.length)
			.map(([title, some]) =>
				element(
					'section',
					{ 'aria-label': title },
					element('h2', { class: 'rows-title' }, title),
					element('ul', { class: 'rows' }, ...some.map(suggestion)),
				),
			),
	);
	mark();
}

function show(next) {
	view = next;
	for (const radio of byId('hub-views').children) {
		radio.setAttribute('aria-checked', String(radio.dataset.view === view));
		radio.tabIndex = radio.dataset.view === view ? 0 : -1;
	}
	const hub = view === 'hub';
	byId('hub-filters').hidden = !hub;
	byId('hub-machine').hidden = hub;
	byId('hub-found').hidden = !hub || !byId('hub-rows').childElementCount;
	byId('hub-count').hidden = !hub;
	byId('hub-message').hidden = true;
	byId('hub-waiting').hidden = true;
}

function say(title, text, again) {
	byId('hub-rows').replaceChildren();
	byId('hub-found').hidden = true;
	write(byId('hub-count'), '');
	write(byId('hub-message-title'), title.replace(/\.$/, ''));
	write(byId('hub-message-text'), text);
	byId('hub-again').hidden = !again;
	byId('hub-models').hidden = !again;
	byId('hub-message').hidden = false;
}

async function search() {
	show('hub');
	const now = ++turn;
	const waiting = setTimeout(() => (byId('hub-waiting').hidden = false), 300);
	const answer = await ask(
		'ui_hub_search',
		{
			text: byId('hub-search').value.trim(),
			family: byId('hub-family').value || null,
			licence: byId('hub-licence').value,
			largest: Number(byId('hub-largest').value),
			gated: { '': null, yes: true, no: false }[byId('hub-gated').value],
			sort: byId('hub-sort').value,
		},
		{ quiet: true },
	);
	clearTimeout(waiting);
	if (now !== turn) return;
	byId('hub-waiting').hidden = true;
	if (answer.error) {
		const { code, message, remedy } = answer.error;
		if (code === 'HubUnreachable')
			return say('The hub cannot be reached', `${message} Check the network. What you have is in Models.`, true);
		return say(message, remedy, true);
	}
	found = answer.found;
	byId('hub-message').hidden = true;
	if (!found.length) return say('Nothing found on the hub', 'Try fewer words, or wider filters.', false);
	write(byId('hub-count'), words.plural(found.length, 'repository').replace('ys', 'ies'));
	byId('hub-rows').replaceChildren(...found.map(result));
	byId('hub-found').hidden = false;
	mark();
}

/** One line for everything: a link to the hub, a link to a file, a name, or words. */
function take(event) {
	event.preventDefault();
	const text = byId('hub-search').value.trim();
	const repo = HUB.exec(text);
	if (repo) return repository.open(repo[1], '', true);
	if (/^https?:\/\//i.test(text)) return repository.openLink(text);
	if (NAME.test(text)) return repository.open(text, '', true);
	search();
}

const FIELDS = ['hub-search', 'hub-family', 'hub-licence', 'hub-largest', 'hub-gated', 'hub-sort'];

/** What was typed and chosen, what is shown and how far it is scrolled. */
const standing = () => ({
	fields: FIELDS.map((id) => byId(id).value),
	view,
	top: byId('hub-scroll').scrollTop,
	asked: repository.asking(),
});

/** As it was before a reload. */
async function restore({ fields = [], view: was, top = 0, asked }) {
	FIELDS.forEach((id, at) => {
		if (fields[at]) byId(id).value = fields[at];
	});
	if (asked && asked.link) repository.openLink(asked.link);
	else if (asked && asked.repo) repository.open(asked.repo, asked.variant);
	await Promise.all([drawMachine(), was === 'hub' ? search() : null]);
	byId('hub-scroll').scrollTop = top;
}

/** Which row is shown at the side, and what is under way. */
function mark() {
	const shown = repository.shown();
	for (const open of document.querySelectorAll('#downloads .row-open')) {
		if (open.dataset.repo === shown) open.setAttribute('aria-current', 'true');
		else open.removeAttribute('aria-current');
	}
}

function focus(repo) {
	const open = repo && document.querySelector(`#downloads [data-repo='${CSS.escape(repo)}']`);
	(open || byId('hub-search')).focus();
}

function refresh() {
	fetching.draw();
	refreshSuggestions();
}

function attach() {
	const families = catalog.architectures;
	byId('hub-family').replaceChildren(
		element('option', { value: '' }, 'Any family'),
		...Object.keys(families)
			.filter((name) => name !== 'unknown' && name !== 'sketchbook')
			.map((name) => element('option', { value: name }, families[name])),
	);
	byId('hub-form').addEventListener('submit', take);
	radios(byId('hub-views'), (radio) => {
		if (radio.dataset.view === 'machine') show('machine');
		else search();
	});
	for (const id of ['hub-family', 'hub-licence', 'hub-largest', 'hub-gated', 'hub-sort'])
		byId(id).addEventListener('change', search);
	byId('fetching-tidy').addEventListener('click', fetching.tidy);
	byId('hub-again').addEventListener('click', search);
	byId('hub-models').addEventListener('click', () => tabs.show('models'));
	walkable(byId('hub-scroll'), '.row-open');
}

export function mount() {
	tabs.offer('downloads', { close: repository.close, search: () => byId('hub-search').focus() });
	attach();
	repository.attach({ focus, mark });
	hub.attach();
	show('machine');
	let begun = false;
	const begin = () => {
		if (!state.begun || tabs.open() !== 'downloads') return;
		if (!begun) recall('downloads', restore);
		begun = true;
		refresh();
	};
	remember('downloads', () => (begun ? standing() : undefined));
	on('tab', begin);
	on('begun', begin);
	on('standing', () => tabs.open() !== 'generate' && refresh());
	on('repository', ({ repo, variant }) => repository.open(repo, variant, true));
	on('suited', () => {
		if (begun) drawMachine();
	});
}
