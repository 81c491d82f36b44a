// Knows the pictures of a long grid that were asked for: pages on demand, none twice, those far away forgotten.

export function paged(source) {
	const { fetch, come } = source;
	const PAGE = 60;
	const KEPT = 2400;
	const known = new Map();
	const asked = new Map();
	let turn = 0;

	/** Puts entries in their places. */
	function put(start, entries) {
		entries.forEach((entry, at) => known.set(start + at, entry));
	}

	async function load(start, address) {
		const now = turn;
		asked.set(start, start + PAGE);
		const answer = await fetch({ ...address, limit: PAGE });
		if (now !== turn) return;
		if (!answer) return void setTimeout(() => now === turn && asked.delete(start), 2000);
		put(start, answer.entries);
		come();
	}

	const waiting = (index) => {
		for (const [start, end] of asked) if (index >= start && index < end) return true;
		return false;
	};

	function forget(first, last) {
		if (known.size < KEPT) return;
		const low = first - KEPT / 3;
		const high = last + KEPT / 3;
		for (const index of known.keys()) if (index < low || index > high) known.delete(index);
		for (const [start, end] of asked) if (end < low || start > high) asked.delete(start);
	}

	return {
		PAGE,
		get: (index) => known.get(index),
		/** Asks for what is not known of this part of the layout. */
		want(first, last, layout) {
			for (let index = first; index <= last; index++) {
				if (known.has(index) || waiting(index)) continue;
				const { day, offset } = layout.address(index);
				const begin = offset - (offset % PAGE);
				load(index - (offset - begin), { day, offset: begin });
			}
			forget(first, last);
		},
		/** Another question, or an answer that changed: nothing that was known holds. */
		restart(start = 0, entries = []) {
			turn++;
			known.clear();
			asked.clear();
			put(start, entries);
		},
		/** What a person did is shown before the server says so. */
		change(ids, make) {
			for (const [index, entry] of known) if (ids.has(entry.id)) known.set(index, make(entry));
		},
		find(id) {
			for (const [index, entry] of known) if (entry.id === id) return index;
			return -1;
		},
		turn: () => turn,
		size: () => known.size,
	};
}
