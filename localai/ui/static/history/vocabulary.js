// Knows the names that the history can be narrowed down to: models, samplers, sizes, tags, albums.
window.LocalAI.vocabulary = (() => {
	'use strict';

	const LocalAI = window.LocalAI;
	const LISTS = {
		model: 'models',
		family: 'families',
		sampler: 'samplers',
		size: 'sizes',
		tag: 'tags',
		album: 'albums',
	};
	const plain = (...names) => names.map((name) => ({ name, count: 0 }));
	const FIXED = {
		favourite: plain('yes', 'no'),
		kind: plain('generated', 'imported'),
		rating: plain('5', '>=4', '>=3', '0'),
		on: plain('today', 'yesterday'),
	};
	let known = null;
	let stale = true;
	LocalAI.on('history', () => (stale = true));

	/** All names; asked for again only when the history has changed. */
	async function all() {
		if (!known || stale) {
			stale = false;
			const answer = await LocalAI.ask('ui_history_vocabulary', {}, { quiet: true });
			if (!answer.error) known = answer;
		}
		return known || { models: [], families: [], samplers: [], sizes: [], tags: [], albums: [] };
	}

	return {
		all,
		/** The names that a key can have, [{name, count}]. */
		values: async (key) => FIXED[key] || (LISTS[key] ? (await all())[LISTS[key]] : []),
		/** Fills the completions of the fields for tags and albums. */
		async offer() {
			const { tags, albums } = await all();
			for (const [id, list] of [
				['tag-names', tags],
				['album-names', albums],
			])
				LocalAI.byId(id).replaceChildren(
					...list.slice(0, 200).map((one) => LocalAI.element('option', { value: one.name })),
				);
		},
	};
})();
