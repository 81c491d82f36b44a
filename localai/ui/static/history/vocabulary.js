// Knows the names that the history can be narrowed down to: models, samplers, sizes, tags, albums.

import { on } from '../page/bus.js';
import { catalog } from '../page/catalog.js';
import { byId, element, redraw } from '../page/dom.js';
import { ask } from '../page/server.js';

const LISTS = {
	model: 'models',
	family: 'families',
	sampler: 'samplers',
	size: 'sizes',
	tag: 'tags',
	album: 'albums',
};
const FIXED = Object.fromEntries(
	catalog.keys.filter((key) => key.offered.length).map((key) => [key.name, key.offered.map((name) => ({ name, count: 0 }))]),
);
let known = { models: [], families: [], samplers: [], sizes: [], tags: [], albums: [] };
let asking = null;
on('history', () => (asking = null));

/** All names; asked for again only when the history has changed. */
export async function all() {
	if (!asking) asking = ask('ui_history_vocabulary', {}, { quiet: true });
	const mine = asking;
	const answer = await mine;
	if (mine !== asking) return all();
	if (answer.error) asking = null;
	else known = answer;
	return known;
}

/** The names that a key can have, [{name, count}]. */
export const values = async (key) => FIXED[key] || (LISTS[key] ? (await all())[LISTS[key]] : []);

/** Fills the completions of the fields for tags and albums. */
export async function offer() {
	const { tags, albums } = await all();
	for (const [id, list] of [
		['tag-names', tags],
		['album-names', albums],
	])
		redraw(byId(id), list, () => list.slice(0, 200).map((one) => element('option', { value: one.name })));
}
