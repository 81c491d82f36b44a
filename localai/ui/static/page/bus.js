// Knows who wants to hear of what: the parts of the page speak through it, and know each other not.

const listeners = new Map();

export function on(name, listener) {
	if (!listeners.has(name)) listeners.set(name, []);
	listeners.get(name).push(listener);
}

export function emit(name, data) {
	for (const listener of listeners.get(name) || []) listener(data);
}
