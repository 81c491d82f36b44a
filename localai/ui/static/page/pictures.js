// Knows what can be done with pictures wherever they are shown: marks, the trash with its Undo, their settings again.

import { emit, on } from './bus.js';
import { catalog } from './catalog.js';
import { byId, later, phone } from './dom.js';
import * as form from './form.js';
import { notify } from './notice.js';
import { ask } from './server.js';
import { lose, regain, state } from './state.js';
import * as tabs from './tabs.js';
import * as words from './words.js';

const SOON = 300;
let known = -1;
let marking = null;

export const address = (url) => url.replace(/^\//, '');

/** A change as it looks on a picture or on a tile. */
export function marked(picture, change) {
	const changed = { ...picture };
	if (change.favourite !== undefined) changed.favourite = change.favourite;
	if (change.rating !== undefined) changed.rating = change.rating;
	return changed;
}

/** Shows the change at once, and what is true again when it could not be kept. */
export async function mark(ids, change) {
	const those = new Set(ids);
	state.pictures = state.pictures.map((one) => (those.has(one.id) ? marked(one, change) : one));
	emit('marked', { ids: those, change });
	const asked = ask('ui_history_mark', { ids, change });
	marking = asked;
	const answer = await asked;
	if (answer.error) emit('history');
	return !answer.error;
}

const are = (number) => `${words.plural(number, 'picture')} ${number === 1 ? 'is' : 'are'}`;

/** Into the trash, with Undo in place. */
export async function remove(ids) {
	// A mark that comes after the delete would find nothing, and say so where Undo should be.
	await marking;
	const answer = await ask('ui_history_delete', { ids });
	if (answer.error) return false;
	const { trashed, gone, problems } = answer;
	if (!problems.length) lose(ids);
	const remedy = [gone ? `${are(gone)} gone already, deleted elsewhere.` : '', ...problems]
		.filter(Boolean)
		.join(' ');
	if (trashed.length)
		notify({
			message: `${are(trashed.length)} in the trash.`,
			remedy,
			reverse: () => restore(trashed),
		});
	else notify({ message: remedy || 'Nothing was deleted.' });
	emit('history');
	return trashed.length > 0 || gone > 0;
}

export async function restore(trashed) {
	const answer = await ask('ui_history_restore', { trashed });
	if (answer.error) return false;
	const { pictures, gone, problems } = answer;
	regain(pictures);
	const remedy = [gone ? `${are(gone)} gone for good.` : '', ...problems].filter(Boolean).join(' ');
	notify({
		message: pictures.length ? `${are(pictures.length)} back.` : 'Nothing came back.',
		remedy,
	});
	emit('history');
	emit('returned', pictures);
	return true;
}

/** `what` is 'all', 'vary' (all but the seed), 'prompt' or 'seed'. */
export async function reuse(id, what = 'all') {
	const answer = await ask('ui_history_reuse', { id });
	if (answer.error) return;
	const { fields, notes } = answer;
	take(fields, notes, what);
}

const SAID = {
	all: 'The settings of this picture are in place.',
	vary: 'The settings are in place, with a new seed.',
	prompt: 'The prompt is in place.',
	seed: 'The next picture starts from this seed.',
};

/** Puts settings into the form of Generate, and says what could not be taken. */
export async function take(fields, notes = [], what = 'all') {
	const seeded = words.seed(fields.seed) !== '';
	const before = { ...form.values };
	if (what === 'prompt') {
		if (!fields.prompt) return notify({ message: notes[0] || 'The prompt is unknown.' });
		form.set({ prompt: fields.prompt });
	} else if (what === 'seed') {
		if (!seeded) return notify({ message: 'The seed of this picture is not known.' });
		form.set({ seedMode: 'fixed', seed: fields.seed });
	} else {
		const { prompt, negative } = form.values;
		form.use({ prompt, negative_prompt: negative, ...fields });
		form.set(
			what === 'all' && seeded ? { seedMode: 'fixed', seed: fields.seed } : { seedMode: 'random' },
		);
	}
	const here = tabs.open() === 'generate';
	await tabs.show('generate');
	// Who is here already goes on where they are. On a phone the field would bring up the keyboard.
	if (!here) byId(what === 'vary' || phone() ? 'generate' : 'prompt').focus();
	notify({
		message: what === 'all' && !seeded ? 'The settings are in place, without a seed.' : SAID[what],
		remedy: what === 'all' || what === 'vary' ? notes.join(' ') : '',
		reverse: () => putBack(before),
	});
}

/** What was in the form before it was overwritten; what is in it now can be had again, too. */
function putBack(before) {
	const now = { ...form.values };
	form.set(before);
	notify({ message: 'The settings from before are back.', reverse: () => putBack(now) });
}

/** Pictures of Generate that were deleted elsewhere go; marks that were made elsewhere show. */
const agree = later(async () => {
	if (!state.pictures.length) return;
	const limit = Math.min(catalog.limits.page, state.pictures.length + 20);
	const answer = await ask(
		'ui_history_find',
		{ text: 'kind:generated', sort: 'newest', limit },
		{ quiet: true },
	);
	if (answer.error) return;
	const there = new Map(answer.entries.map((entry) => [entry.id, entry]));
	const oldest = answer.more ? answer.entries[answer.entries.length - 1].created_at : '';
	const gone = state.pictures.filter(
		(one) => !there.has(one.id) && Date.parse(one.created_at) > (Date.parse(oldest) || 0),
	);
	state.pictures = state.pictures.map((one) => {
		const entry = there.get(one.id);
		return entry ? { ...one, favourite: entry.favourite, rating: entry.rating } : one;
	});
	if (gone.length) lose(gone.map((one) => one.id));
	else emit('pictures', []);
}, SOON);

on('history', agree);
on('begun', agree);
on('snapshot', () => {
	const now = state.snapshot.history;
	if (now !== undefined && now !== known && known !== -1) emit('history');
	known = now ?? -1;
});

