// Knows how pictures come in from elsewhere: dropped or chosen, one after the other, and what became of each.

import { emit } from '../page/bus.js';
import { catalog } from '../page/catalog.js';
import { byId, element, write } from '../page/dom.js';
import * as facts from '../page/facts.js';
import * as pictures from '../page/pictures.js';
import * as words from '../page/words.js';
import * as search from './search.js';

const PICTURE = /\.(png|jpe?g|webp)$/i;
const LARGEST = catalog.limits.file;
const TOO_LARGE = `It is larger than ${LARGEST / 2 ** 20} MB.`;
const AT_ONCE = 3;
const TOLD = 200;
let stopped = false;
let busy = false;
let found = null;

async function post(path, file) {
	try {
		const given = new URLSearchParams({ name: file.name, modified: file.lastModified });
		const response = await fetch(`api/history/${path}?${given}`, { method: 'POST', body: file });
		const answer = await response.json();
		if (response.ok || answer.error) return answer;
	} catch (error) {
		console.warn(error);
	}
	return { error: { message: 'LocalAI did not answer.', remedy: 'Try again in a moment.' } };
}

const said = (error) => `${error.message} ${error.remedy || ''}`.trim();

/** The files below a folder that was dropped. */
async function walk(entry) {
	if (entry.isFile) return [await new Promise((done, fail) => entry.file(done, fail))];
	const reader = entry.createReader();
	const files = [];
	for (;;) {
		const some = await new Promise((done, fail) => reader.readEntries(done, fail));
		if (!some.length) return files;
		for (const one of some) files.push(...(await walk(one)));
	}
}

function section(name) {
	for (const one of ['choose', 'work', 'done', 'reading']) byId(`import-${one}`).hidden = one !== name;
	write(
		byId('import-title'),
		{ choose: 'Import pictures', work: 'Importing', done: 'Imported', reading: 'Settings of this picture' }[
			name
		],
	);
	if (!byId('import').open) byId('import').showModal();
	// The button that was pressed may be gone; once all is written the next one has the focus.
	queueMicrotask(() => byId(`import-${name}`).querySelector('button:not([hidden])')?.focus());
}

function progress(done, all) {
	write(byId('import-progress'), `${words.count(done)} of ${words.count(all)}`);
	byId('import-meter').firstElementChild.style.transform = `scaleX(${all ? done / all : 0})`;
	byId('import-meter').setAttribute('aria-valuenow', String(Math.round((100 * done) / Math.max(1, all))));
}

/** All of them, a few at once; one that is refused stops nothing. */
async function take(files) {
	if (busy) return;
	const readable = files.filter((file) => PICTURE.test(file.name));
	const report = { imported: [], known: [], arrivals: [], refused: [], others: files.length - readable.length };
	busy = true;
	stopped = false;
	section('work');
	let done = 0;
	progress(0, readable.length);
	const waiting = [...readable];
	const worker = async () => {
		while (waiting.length && !stopped) {
			const file = waiting.shift();
			const answer =
				file.size > LARGEST
					? { error: { message: TOO_LARGE } }
					: await post('import', file);
			if (answer.error) report.refused.push({ name: file.name, why: said(answer.error) });
			else for (const part of ['imported', 'known', 'arrivals', 'refused']) report[part].push(...answer[part]);
			progress(++done, readable.length);
		}
	};
	await Promise.all(Array.from({ length: AT_ONCE }, worker));
	busy = false;
	conclude(report, readable.length - done);
	emit('history');
}

function conclude({ imported, known, arrivals, refused, others }, left) {
	section('done');
	const lines = [
		imported.length ? `${words.plural(imported.length, 'picture')} imported.` : 'Nothing new was imported.',
		known.length
			? `${words.plural(known.length, 'picture')} ${known.length === 1 ? 'was' : 'were'} already here.`
			: '',
		others ? `${words.plural(others, 'file')} ${others === 1 ? 'is' : 'are'} not a PNG, JPEG or WebP.` : '',
		left ? `${words.plural(left, 'picture')} skipped, because you stopped.` : '',
		refused.length ? `${words.plural(refused.length, 'file')} refused.` : '',
	];
	write(byId('import-result'), lines.filter(Boolean).join(' '));
	// Refusals first: nobody looks for them among hundreds that came in.
	const told = [...refused.map((one) => [one.name, one.why]), ...arrivals.map((one) => [one.name, `${one.words} ${one.note}`])];
	byId('import-refused').replaceChildren(
		...told
			.slice(0, TOLD)
			.map(([name, about]) =>
				element(
					'li',
					{},
					element('bdi', { class: 'row-name' }, name),
					element('span', { class: 'row-line' }, about),
				),
			),
		...(told.length > TOLD ? [element('li', {}, `And ${words.count(told.length - TOLD)} more.`)] : []),
	);
	byId('import-show').hidden = !imported.length;
	byId('import-show').onclick = () => {
		byId('import').close();
		const [low, high] = [Math.min(...imported), Math.max(...imported)];
		search.set({ text: low === high ? `id:${low}` : `id:${low}..${high}` });
	};
}

/** Which program wrote what was read, in one sentence. */
export function written(answer) {
	if (answer.error) return said(answer.error);
	if (!answer.format) return 'No settings were found in this picture.';
	const app = catalog.formats[answer.format] || answer.app || answer.format;
	return `Written by ${app}${answer.stealth ? ', hidden in the pixels' : ''}. ${answer.note}`.trim();
}

/** Shows what a picture says of itself; nothing of it is kept. */
async function read(file) {
	const answer =
		file.size > LARGEST
			? { error: { message: TOO_LARGE, remedy: '' } }
			: await post('read', file);
	section('reading');
	const recipe = answer.error ? null : answer.recipe;
	found = answer.error ? null : answer.reuse;
	const empty = !answer.error && !answer.format;
	write(byId('reading-name'), file.name);
	write(byId('reading-words'), written(answer));
	byId('reading-prompt').hidden = !recipe || !recipe.prompt;
	write(byId('reading-prompt'), recipe ? recipe.prompt : '');
	byId('reading-facts').replaceChildren(
		...(recipe
			? facts.rows(
					facts.recipe(
						recipe,
						answer.error
							? {}
							: { width: recipe.width || answer.width, height: recipe.height || answer.height },
					),
				)
			: []),
	);
	byId('reading-text').hidden = !answer.text;
	write(byId('reading-raw'), answer.text || '');
	byId('reading-use').hidden = !recipe || empty;
	byId('reading-keep').hidden = Boolean(answer.error);
	byId('reading-keep').onclick = () => take([file]);
}

function use() {
	byId('import').close();
	pictures.take(found.fields, found.notes);
}

async function dropped(event) {
	const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
	const plain = [...event.dataTransfer.files];
	const reading = Boolean(event.target.closest('[data-drop=read]'));
	const files = entries.length
		? (await Promise.all(entries.map((entry) => walk(entry).catch(() => [])))).flat()
		: plain;
	if (reading && files.length) return read(files[0]);
	if (files.length) take(files);
}

const carries = (event) => event.dataTransfer && [...event.dataTransfer.types].includes('Files');

/** A file that is let go where nothing takes it must not take the place of the page. */
function guard() {
	for (const name of ['dragover', 'drop'])
		document.addEventListener(name, (event) => {
			if (!carries(event) || event.defaultPrevented) return;
			event.preventDefault();
			event.dataTransfer.dropEffect = 'none';
		});
}

function attachDrop() {
	const tab = byId('history');
	const veil = byId('history-drop');
	let inside = 0;
	tab.addEventListener('dragenter', (event) => {
		if (!carries(event)) return;
		event.preventDefault();
		inside++;
		veil.hidden = busy;
	});
	tab.addEventListener('dragover', (event) => {
		if (!carries(event)) return;
		event.preventDefault();
		for (const zone of veil.children) zone.classList.toggle('over', zone.contains(event.target));
	});
	tab.addEventListener('dragleave', () => {
		inside = Math.max(0, inside - 1);
		if (!inside) veil.hidden = true;
	});
	tab.addEventListener('drop', (event) => {
		inside = 0;
		veil.hidden = true;
		if (!carries(event)) return;
		event.preventDefault();
		dropped(event);
	});
}

export function attachDialog() {
	guard();
	const choose = (id, run) => {
		byId(`${id}-button`).addEventListener('click', () => byId(id).click());
		byId(id).addEventListener('change', (event) => {
			const files = [...event.target.files];
			event.target.value = '';
			if (files.length) run(files);
		});
	};
	choose('import-files', take);
	choose('import-folder', take);
	choose('import-read', ([file]) => read(file));
	for (const name of ['dragover', 'drop'])
		byId('import').addEventListener(name, (event) => {
			if (!carries(event) || busy) return;
			event.preventDefault();
			if (name === 'drop') dropped(event);
		});
	byId('import-stop').addEventListener('click', () => (stopped = true));
	byId('import-again').addEventListener('click', () => section('choose'));
	byId('reading-use').addEventListener('click', use);
	byId('import-close').addEventListener('click', () => byId('import').close());
}

function open() {
	section(busy ? 'work' : 'choose');
}

export function attach() {
	attachDrop();
	for (const id of ['history-import', 'history-first-import']) byId(id).addEventListener('click', open);
}

