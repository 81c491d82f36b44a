// Knows the details of one picture at the side: how it was made, what a person made of it, what can be done with it.

import { emit, on } from '../page/bus.js';
import { catalog } from '../page/catalog.js';
import { byId, element, later, phone, write } from '../page/dom.js';
import * as facts from '../page/facts.js';
import { popup, radios, walkable } from '../page/layers.js';
import { copy, notify } from '../page/notice.js';
import * as pictures from '../page/pictures.js';
import { ask } from '../page/server.js';
import * as words from '../page/words.js';
import * as compare from './compare.js';
import * as exporting from './exporting.js';
import * as inside from './inside.js';
import * as labels from './labels.js';
import * as verify from './verify.js';

const PAUSE = 90;
const DRAFT = 'localai:note';
let card = null;
// Of the picture that was opened last.
let arrival = null;
let current = 0;
let turn = 0;
let unsaved = null;
// Whether something changed while a note was being typed.
let missed = false;
let menu = null;
let drawn = '';
// The grid beside it: {back(id), full(id), remove(ids)}.
let grid = null;

function drawMarks({ favourite, rating }) {
	byId('detail-favourite').setAttribute('aria-pressed', String(favourite));
	byId('detail-rating').replaceChildren(
		...[1, 2, 3, 4, 5].map((stars) =>
			element('button', {
				type: 'button',
				role: 'radio',
				class: 'star',
				'aria-checked': String(stars === rating),
				'aria-label': words.plural(stars, 'star'),
				title: `${words.plural(stars, 'star')} (${stars})`,
				tabindex: stars === (rating || 1) ? '0' : '-1',
				'data-stars': stars,
				'data-lit': stars <= rating ? '' : null,
			}),
		),
	);
}

function drawPicture({ url, thumbnail, width, height }, prompt) {
	const image = byId('detail-image');
	image.alt = prompt;
	image.style.aspectRatio = `${width} / ${height}`;
	image.style.backgroundImage = `url("${pictures.address(thumbnail)}")`;
	image.src = pictures.address(url);
	write(byId('detail-prompt'), prompt || 'The prompt is unknown.');
	byId('detail-prompt').classList.toggle('muted', !prompt);
}

function drawNames() {
	const change = (changes) => card && pictures.mark([card.picture.id], changes).then(reload);
	labels.draw(byId('detail-tags'), 'tag', card.marks.tags, change);
	labels.draw(byId('detail-albums'), 'album', card.marks.albums, change);
}

/** Redraws only what is another, so that neither the focus nor what is being selected is lost. */
function draw() {
	const now = JSON.stringify(card);
	if (now === drawn) return;
	drawn = now;
	const { picture, marks } = card;
	const { request, receipt } = picture;
	drawPicture(picture, request.prompt);
	drawMarks(marks);
	drawNames();
	byId('detail-missing').hidden = !card.missing;
	write(byId('detail-when'), words.stamp(picture.created_at));
	byId('detail-when').title = words.moment(picture.created_at);
	const from =
		picture.kind === 'imported'
			? [['Imported', receipt.app ? `drawn by ${receipt.app}` : 'from a file']]
			: [];
	byId('detail-facts').replaceChildren(
		...facts.rows([
			...from,
			...facts.recipe(request, {
				seed: picture.kind === 'generated' ? picture.seed : request.seed,
				width: picture.width,
				height: picture.height,
				model: receipt.model_name,
				family: receipt.family,
				steps: receipt.steps_done || null,
			}),
			...facts.columns(picture),
		]),
	);
	byId('detail-receipt-facts').replaceChildren(
		...facts.rows(facts.receipt(picture, card.file, card.bytes)),
	);
	const changed = card.pieces.some((piece) => piece.change !== 'same');
	byId('detail-changes').hidden = !card.previous || !(changed || card.changes.length);
	byId('detail-pieces').hidden = !changed;
	byId('detail-pieces').replaceChildren(...(changed ? facts.pieces(card.pieces) : []));
	byId('detail-differences').replaceChildren(...facts.differences(card.changes));
	byId('detail-compare').hidden = !card.previous;
	byId('detail-text').hidden = !card.parameters;
	write(byId('detail-parameters'), card.parameters);
	byId('detail-download').href = `media/${picture.id}?download=1`;
	byId('detail-verify').hidden = !receipt.torch;
	for (const id of ['detail-verify', 'detail-open', 'detail-export']) byId(id).disabled = card.missing;
	for (const id of ['detail-download', 'detail-full']) byId(id).hidden = card.missing;
	if (!unsaved) byId('detail-notes').value = marks.notes;
}

/** What the grid knows of a picture is there at once, the rest when it has come. */
export async function open(entry, byHand = false) {
	const fresh = current !== entry.id;
	if (!fresh && byHand && card) return byId('detail-close').focus();
	keepNotes();
	const now = ++turn;
	current = entry.id;
	const opened = byId('detail').hidden;
	byId('detail').hidden = false;
	if (fresh) {
		drawn = '';
		byId('detail').scrollTop = 0;
		byId('detail-notes').value = '';
		write(byId('detail-notes-state'), '');
		verify.leave();
		inside.leave();
		if (entry.url) {
			drawPicture(entry, entry.prompt);
			drawMarks(entry);
		}
	}
	emit('detail');
	arrival = ask('ui_history_card', { id: entry.id }, { quiet: true });
	const answer = await arrival;
	if (now !== turn) return;
	if (answer.error) {
		if (answer.error.transport) card = null;
		else close(false);
		return notify({ kind: 'error', ...answer.error });
	}
	card = answer.card;
	draw();
	if (byHand && (phone() || opened)) byId('detail-close').focus({ preventScroll: true });
}

export const follow = later((entry) => current && open(entry), PAUSE);

/** The same picture, of which something has changed. */
export async function reload() {
	if (!current) return;
	const id = current;
	const answer = await ask('ui_history_card', { id }, { quiet: true });
	if (id !== current) return;
	if (!answer.error) {
		card = answer.card;
		draw();
	} else if (!answer.error.transport) close(byId('detail').contains(document.activeElement));
}

export function close(focus = true) {
	if (!current) return false;
	keepNotes();
	const id = current;
	current = 0;
	card = null;
	turn++;
	verify.leave();
	byId('detail').hidden = true;
	emit('detail');
	if (focus) grid.back(id);
	return true;
}

/** What is typed and not saved yet is kept in the browser: the page may go before the server answers. */
function draft(note) {
	if (note) localStorage.setItem(DRAFT, JSON.stringify(note));
	else localStorage.removeItem(DRAFT);
}

async function keepNotes() {
	if (!unsaved) return;
	const { id, notes } = unsaved;
	unsaved = null;
	const answer = await ask('ui_history_mark', { ids: [id], change: { notes } });
	if (answer.error && answer.error.transport) {
		unsaved = unsaved || { id, notes };
		return write(byId('detail-notes-state'), 'Not saved yet. It will be saved when LocalAI answers.');
	}
	if (!unsaved) draft(null);
	if (answer.error) return write(byId('detail-notes-state'), 'Not saved.');
	if (card && card.picture.id === id) card.marks = { ...card.marks, notes };
	if (!unsaved && current === id) write(byId('detail-notes-state'), 'Saved.');
	if (missed) reload();
	missed = false;
}
const keepNotesSoon = later(keepNotes, 600);

/** The note that the last page was left with. */
function keepDraft() {
	const note = JSON.parse(localStorage.getItem(DRAFT) || 'null');
	if (!note || unsaved) return;
	unsaved = note;
	keepNotes();
}

/** What is pressed before the details have come is done when they are there. */
const whenThere = (run) => async () => {
	const id = current;
	await arrival;
	if (card && id === current) run();
};

function attachMenu() {
	menu = popup(byId('detail-more-button'), byId('detail-more'), {
		opened: () => byId('detail-more').scrollIntoView({ block: 'nearest' }),
	});
	walkable(byId('detail-more'), 'button, a');
	const runs = {
		'use-prompt': () => pictures.reuse(current, 'prompt'),
		'use-seed': () => pictures.reuse(current, 'seed'),
		'copy-prompt': () => copy(card.picture.request.prompt, 'Prompt copied.'),
		'copy-all': () => copy(card.parameters, 'All settings copied.'),
		compare: () => compare.open(card.previous, current),
		download: () => {},
		export: () => exporting.open([current]),
		full: () => grid.full(current),
	};
	for (const [name, run] of Object.entries(runs)) {
		byId(`detail-${name}`).addEventListener('click', () => menu.hide());
		byId(`detail-${name}`).addEventListener('click', whenThere(run));
	}
}

export function attach(given) {
	grid = given;
	attachMenu();
	inside.attach(() => current);
	byId('detail-close').addEventListener('click', () => close());
	const runs = {
		open: () => grid.full(current),
		use: () => pictures.reuse(current),
		vary: () => pictures.reuse(current, 'vary'),
		verify: () => verify.run(card.picture),
		delete: () => grid.remove([current]),
		favourite: () => pictures.mark([current], { favourite: !card.marks.favourite }),
		previous: () => open({ id: card.previous }),
		'copy-text': () => copy(card.parameters, 'All settings copied.'),
	};
	for (const [name, run] of Object.entries(runs))
		byId(`detail-${name}`).addEventListener('click', whenThere(run));
	radios(byId('detail-rating'), (star) => {
		const stars = Number(star.dataset.stars);
		whenThere(() => {
			pictures.mark([current], { rating: stars === card.marks.rating ? 0 : stars });
			byId('detail-rating').querySelector(`[data-stars='${stars}']`).focus();
		})();
	});
	byId('detail-image').addEventListener('error', () => current && reload());
	byId('detail-notes').maxLength = catalog.limits.notes;
	byId('detail-notes').addEventListener('input', (event) => {
		unsaved = { id: current, notes: event.target.value };
		draft(unsaved);
		write(byId('detail-notes-state'), 'Saving');
		keepNotesSoon();
	});
	byId('detail-notes').addEventListener('blur', keepNotes);
	on('begun', keepDraft);
	on('marked', ({ ids, change }) => {
		if (!card || !ids.has(current)) return;
		card.marks = pictures.marked(card.marks, change);
		card.picture = pictures.marked(card.picture, change);
		drawMarks(card.marks);
	});
	on('refreshed', () => {
		missed = Boolean(unsaved);
		if (!missed) reload();
	});
}

export const shown = () => current;

export const picture = () => (card ? card.picture : null);
