// Knows what one tab of a browser keeps over a reload: a search, what is open, how far it is scrolled.

const BEGIN = 'localai:kept:';

const restoring = new Set();

/** `read` is asked when the page goes; undefined leaves what was kept as it is. */
export function remember(name, read) {
	addEventListener('pagehide', () => {
		const value = restoring.has(name) ? undefined : read();
		if (value === undefined) return;
		try {
			sessionStorage.setItem(BEGIN + name, JSON.stringify(value));
		} catch {
			/* a private window may have no room */
		}
	});
}

function kept(name) {
	try {
		return JSON.parse(sessionStorage.getItem(BEGIN + name)) || {};
	} catch {
		return {}; // unreadable: as if it were opened for the first time
	}
}

/** Hands what was kept to `restore`, {} for nothing. A page that goes before that is done leaves it kept. */
export async function recall(name, restore) {
	restoring.add(name);
	try {
		await restore(kept(name));
	} finally {
		restoring.delete(name);
	}
}
