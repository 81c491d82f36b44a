// Knows who wants to hear of what: the parts of the page speak through it, and know each other not.

const listeners = new Map();
const settled = new Map();

/** Hears what is said from now on; of what is settled already, at once. */
export function on(name, listener) {
	if (!listeners.has(name)) listeners.set(name, []);
	listeners.get(name).push(listener);
	if (settled.has(name)) listener(settled.get(name));
}

export function emit(name, data) {
	for (const listener of listeners.get(name) || []) listener(data);
}

/** Says what holds from now on, also for parts that come later, as those of a tab do that was not opened yet. */
export function settle(name, data) {
	settled.set(name, data);
	emit(name, data);
}
