// Knows how pictures leave: as they are or safe to share, with a sheet, with their settings; and what strangers can read.

import { byId, element, write } from '../page/dom.js';
import { notify } from '../page/notice.js';
import * as pictures from '../page/pictures.js';
import { ask } from '../page/server.js';
import * as words from '../page/words.js';

const SHOWN = 50;
let ids = [];
let turn = 0;
let attached = false;

const safe = () => byId('export-safe').checked;

/** What is the same in all is said once, the rest as how many there are of it. */
function sum(exposures) {
	const names = new Map();
	for (const { found } of exposures)
		for (const [name, value] of found) {
			if (!names.has(name)) names.set(name, new Set());
			names.get(name).add(value);
		}
	return [...names].map(([name, values]) => {
		const [first, ...others] = values;
		return [name, others.length ? `${first}, and ${words.plural(others.length, 'other')}` : first];
	});
}

async function draw() {
	const now = ++turn;
	byId('export-settings').disabled = safe();
	if (safe()) byId('export-settings').value = 'none';
	byId('export-seen').hidden = !safe();
	if (!safe()) return;
	write(byId('export-seen-words'), 'Checking what a stranger could still read.');
	byId('export-seen-list').replaceChildren();
	const looked = ids.slice(0, SHOWN);
	const answer = await ask('ui_history_exposures', { ids: looked }, { quiet: true });
	if (now !== turn) return;
	if (answer.error)
		return write(byId('export-seen-words'), `${answer.error.message} ${answer.error.remedy}`.trim());
	const part = ids.length > SHOWN ? ` Only the first ${SHOWN} were checked; all are made the same way.` : '';
	write(
		byId('export-seen-words'),
		`Prompt, settings, names and dates are removed. A stranger could still read this, and see what the picture shows.${part}`,
	);
	byId('export-seen-list').replaceChildren(
		...sum(answer.exposures).flatMap(([name, value]) => [
			element('dt', {}, name),
			element('dd', { dir: 'auto' }, value),
		]),
	);
}

function fail(error) {
	byId('export-error').hidden = !error;
	write(byId('export-error'), error ? `${error.message} ${error.remedy}`.trim() : '');
}

async function send(event) {
	event.preventDefault();
	fail(null);
	byId('export-go').disabled = true;
	const answer = await ask(
		'ui_history_export',
		{ ids, safe: safe(), sheet: byId('export-sheet').checked, settings: byId('export-settings').value },
		{ quiet: true },
	);
	byId('export-go').disabled = false;
	if (answer.error) return fail(answer.error);
	const link = element('a', { href: pictures.address(answer.url), download: '' });
	document.body.append(link);
	link.click();
	link.remove();
	byId('export').close();
	notify({ message: 'The zip is on its way to your downloads.' });
}

function attach() {
	attached = true;
	byId('export-form').addEventListener('submit', send);
	for (const id of ['export-safe', 'export-original']) byId(id).addEventListener('change', draw);
	byId('export-close').addEventListener('click', () => byId('export').close());
}

export function open(chosen) {
	if (!attached) attach();
	ids = chosen;
	fail(null);
	write(byId('export-title'), `Export ${words.plural(ids.length, 'picture')}`);
	draw();
	byId('export').showModal();
}

