// Knows what one tab of a browser keeps over a reload: a search, what is open, how far it is scrolled.

const BEGIN = 'localai:kept:';

/** `read` is asked when the page goes; undefined leaves what was kept as it is. */
export function remember(name, read) {
	addEventListener('pagehide', () => {
		const value = read();
		if (value === undefined) return;
		try {
			sessionStorage.setItem(BEGIN + name, JSON.stringify(value));
		} catch {
			/* a private window may have no room */
		}
	});
}

/** What was kept, {} for nothing. */
export function recall(name) {
	try {
		return JSON.parse(sessionStorage.getItem(BEGIN + name)) || {};
	} catch {
		return {}; // unreadable: as if it were opened for the first time
	}
}
