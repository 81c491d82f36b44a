// Knows the side of the Downloads tab: exactly what would be fetched of a repository or a link, before it is.

import * as arrivals from '../page/arrivals.js';
import { on } from '../page/bus.js';
import { catalog } from '../page/catalog.js';
import { byId, element, phone, write } from '../page/dom.js';
import { radios } from '../page/layers.js';
import * as library from '../page/library.js';
import * as rows from '../page/rows.js';
import { ask } from '../page/server.js';
import * as words from '../page/words.js';
import * as hub from './hub.js';

const PATIENCE = 300;
// Addresses of pages; of some the file behind them is known.
const PAGES = catalog.pages.patterns.map((page) => ({ ...page, pattern: new RegExp(page.pattern, 'i') }));
let asked = null;
let page = null;
let turn = 0;
// The tab beside it: {mark(), focus(repo)}.
let rest = null;

/** Only true web addresses become links. */
const safe = (link) => (/^https?:\/\//i.test(link) ? link : '');

function show(name, line) {
	byId('repository').hidden = false;
	byId('repository').scrollTop = 0;
	write(byId('repository-name'), name);
	byId('repository-name').title = name;
	write(byId('repository-line'), line);
	byId('repository-body').hidden = true;
	byId('repository-wrong').hidden = true;
	byId('repository-waiting').hidden = true;
	byId('repository-thumb').replaceChildren();
}

/** In the place of all else; with `passing` it may be another time. */
function wrong(text, passing = false) {
	byId('repository-wrong').hidden = false;
	byId('repository-again').parentElement.hidden = !passing;
	write(byId('repository-wrong-text'), text);
}

/** Asks the hub about 'org/name'. */
export async function open(repo, variant = '', byHand = false) {
	const now = ++turn;
	const again = page && page.repo === repo;
	asked = { repo, variant };
	if (!again) {
		page = null;
		show(repo, '');
	}
	rest.mark();
	const waiting = setTimeout(() => {
		write(byId('repository-waiting'), 'Asking the hub for its files.');
		byId('repository-waiting').hidden = false;
	}, PATIENCE);
	if (byHand && phone()) byId('repository-close').focus();
	const answer = await ask('ui_hub_page', { repo, variant }, { quiet: true });
	clearTimeout(waiting);
	if (now !== turn) return;
	byId('repository-waiting').hidden = true;
	if (answer.error) {
		page = null;
		byId('repository-body').hidden = true;
		return wrong(`${answer.error.message} ${answer.error.remedy}`.trim(), true);
	}
	page = answer.page;
	draw();
}

/** A link to one file: what it is shows when it is here. */
export function openLink(link) {
	turn++;
	page = null;
	asked = { link };
	let address;
	try {
		address = new URL(link);
	} catch {
		address = { hostname: '', pathname: link };
	}
	const end = decodeURI(address.pathname.split('/').pop() || link);
	if (PAGES.find((one) => one.pattern.test(link))?.known === false) {
		show(end, `A page of ${address.hostname}`);
		rest.mark();
		return wrong(catalog.pages.message);
	}
	show(end, `One file from ${address.hostname || 'a link'}`);
	rest.mark();
	byId('repository-thumb').replaceChildren(rows.thumb({ kind: 'unknown', thumbnail: null }));
	byId('repository-thumb').firstElementChild.classList.add('large');
	for (const part of ['fit', 'problem', 'gate', 'variants-box', 'files-box'])
		byId(`repository-${part}`).hidden = true;
	write(
		byId('repository-sum'),
		'LocalAI reads its first bytes to tell what it is, then puts it where it belongs. This works for safetensors and GGUF files.',
	);
	byId('repository-facts').replaceChildren();
	buttons(false, true);
	byId('repository-body').hidden = false;
}

function file(one, folder) {
	const name = folder && one.path.startsWith(`${folder}/`) ? one.path.slice(folder.length + 1) : one.path;
	return element(
		'li',
		{},
		element('span', { class: 'part-name', dir: 'auto', title: one.path }, name),
		element('span', { class: 'muted' }, one.have ? 'here already' : words.gigabytes(one.bytes)),
	);
}

function component({ name, bytes, files }) {
	const here = files.filter((one) => one.have).reduce((sum, one) => sum + one.bytes, 0);
	const note = here >= bytes && bytes ? 'here already' : words.gigabytes(bytes);
	return element(
		'details',
		{ class: 'part' },
		element(
			'summary',
			{},
			element('span', { class: 'part-name' }, name || 'Top level'),
			element('span', { class: 'muted' }, `${words.plural(files.length, 'file')}, ${note}`),
		),
		element('ul', {}, ...files.map((one) => file(one, name))),
	);
}

function drawVariants() {
	const names = ['', ...page.variants.filter((name) => name)];
	byId('repository-variants-box').hidden = names.length < 2;
	byId('repository-variants').replaceChildren(
		...names.map((name) =>
			element(
				'button',
				{
					type: 'button',
					role: 'radio',
					'aria-checked': String(name === page.variant),
					tabindex: name === page.variant ? '0' : '-1',
					'data-variant': name,
				},
				name || 'As published',
			),
		),
	);
}

function sum() {
	const missing = Math.max(0, page.bytes - page.have);
	if (!missing && page.bytes) return 'You already have all of it. It is in Models.';
	const here = page.have ? ` You already have ${words.gigabytes(page.have)} of it.` : '';
	const free = page.free ? ` ${words.gigabytes(page.free)} is free on the disk.` : '';
	return `Downloads ${words.gigabytes(missing)}.${here}${free}`;
}

/** What the disk lacks, '' when there is room. */
function lack() {
	const missing = page.bytes - page.have;
	if (page.free && missing > page.free)
		return `This needs ${words.gigabytes(missing)}, but only ${words.gigabytes(page.free)} is free on the disk. Free some space first.`;
	return '';
}

/** Whether it cannot be fetched now. */
const hindered = () => Boolean(lack() || (page.gated && page.problem));

function buttons(closed, drawable) {
	const under = page && arrivals.of(page.repo);
	const busy = under && arrivals.pending(under);
	for (const id of ['repository-load', 'repository-get']) byId(id).disabled = Boolean(closed || busy);
	byId('repository-load').hidden = !drawable;
	byId('repository-get').classList.toggle('main', !drawable);
}

function draw() {
	const entry = { family: page.family, kind: page.kind, thumbnail: null };
	byId('repository-thumb').replaceChildren(rows.thumb(entry));
	byId('repository-thumb').firstElementChild.classList.add('large');
	const kind = page.kind === 'checkpoint' ? '' : library.kind(page);
	write(byId('repository-line'), [page.family === 'unknown' ? '' : library.family(page), kind, words.gigabytes(page.bytes)].filter(Boolean).join(', '));
	byId('repository-fit').hidden = page.fit === 'unknown';
	byId('repository-fit').replaceChildren(rows.badge(page), ` ${page.fit_words}`);
	// A gate explains itself below.
	const wrong = (page.gated ? '' : page.problem) || lack();
	byId('repository-problem').hidden = !wrong;
	write(byId('repository-problem'), wrong);
	byId('repository-gate').hidden = !page.gated;
	const gate = safe(page.gate);
	write(
		byId('repository-gate-token'),
		hub.token()
			? 'The stored token must belong to the account that accepted them.'
			: 'Then enter a token of that account.',
	);
	byId('repository-token').hidden = hub.token();
	if (gate) byId('repository-gate-link').href = gate;
	else byId('repository-gate-link').removeAttribute('href');
	drawVariants();
	write(byId('repository-sum'), sum());
	byId('repository-files-box').hidden = !page.components.length;
	byId('repository-files').replaceChildren(...page.components.map(component));
	byId('repository-unsafe').hidden = !page.unsafe;
	write(
		byId('repository-unsafe'),
		`${words.plural(page.unsafe, 'pickle file')} ${page.unsafe === 1 ? 'is' : 'are'} left out, because such files can run code.`,
	);
	const link = safe(page.licence_link);
	const licence =
		page.licence &&
		(link
			? element('a', { href: link, target: '_blank', rel: 'noopener noreferrer' }, page.licence)
			: page.licence);
	const facts = [
		['Licence', licence],
		['Revision', page.commit ? `${page.revision}, ${page.commit.slice(0, 8)}` : page.revision],
		['Access', page.private ? 'Private' : page.gated ? 'Gated' : 'Open'],
	].filter(([, value]) => value);
	byId('repository-facts').replaceChildren(
		...facts.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]),
	);
	buttons(hindered(), drawable());
	byId('repository-body').hidden = false;
}

const drawable = () => page.kind === 'checkpoint' && Boolean(catalog.families[page.family]);

async function start(thenLoad) {
	const fields = page
		? { source: page.repo, revision: page.revision, variant: page.variant, then_load: thenLoad }
		: { source: asked.link, then_load: thenLoad };
	if (!(await arrivals.start(fields))) return;
	byId('hub-scroll').scrollTop = 0;
	rest.mark();
	if (phone()) close();
}

export function close(focus = true) {
	if (byId('repository').hidden) return false;
	byId('repository').hidden = true;
	const repo = asked && asked.repo;
	asked = page = null;
	turn++;
	rest.mark();
	if (focus) rest.focus(repo);
	return true;
}

export function attach(given) {
	rest = given;
	byId('repository-close').addEventListener('click', () => close());
	byId('repository-again').addEventListener('click', () => open(asked.repo, asked.variant));
	byId('repository-load').addEventListener('click', () => start(true));
	byId('repository-get').addEventListener('click', () => start(false));
	byId('repository-token').addEventListener('click', () => {
		if (phone()) close(false);
		hub.enterToken();
	});
	radios(byId('repository-variants'), async (radio) => {
		const { variant } = radio.dataset;
		await open(page.repo, variant);
		byId('repository-variants').querySelector(`[data-variant='${CSS.escape(variant)}']`)?.focus();
	});
	on('snapshot', () => {
		if (page) buttons(hindered(), drawable());
	});
	on('library', () => page && open(page.repo, page.variant));
	on('token', () => asked && asked.repo && open(asked.repo, asked.variant));
}

/** What is shown: {repo, variant} or {link}. */
export const asking = () => asked;

export const shown = () => (asked ? asked.repo || '' : '');
