// Knows the names that the history can be narrowed down to: models, samplers, sizes, tags, albums.

import { on } from '../page/bus.js';
import { catalog } from '../page/catalog.js';
import { byId, element } from '../page/dom.js';
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
let known = null;
let stale = true;
on('history', () => (stale = true));

/** All names; asked for again only when the history has changed. */
export async function all() {
	if (!known || stale) {
		stale = false;
		const answer = await ask('ui_history_vocabulary', {}, { quiet: true });
		if (!answer.error) known = answer;
	}
	return known || { models: [], families: [], samplers: [], sizes: [], tags: [], albums: [] };
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
		byId(id).replaceChildren(
			...list.slice(0, 200).map((one) => element('option', { value: one.name })),
		);
}
