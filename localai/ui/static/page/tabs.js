// Knows the tabs: which exist, what each shows, which is open, and what the keys of the page do in it.

import { emit } from './bus.js';
import { byId } from './dom.js';

// A new tab is one entry: the parts that it shows are ids of the page.
export const TABS = [
	{ id: 'generate', title: 'Generate', shows: ['composer', 'stage'] },
	{ id: 'models', title: 'Models', shows: ['models'] },
	{ id: 'downloads', title: 'Downloads', shows: ['downloads'] },
	{ id: 'history', title: 'History', shows: ['history'] },
	{ id: 'hardware', title: 'Hardware', shows: ['hardware'] },
];
const offered = new Map();
let now = '';

export const open = () => now;

/** What a tab does when it is asked from elsewhere: {close, focus, search, walk, ...}. */
export function offer(id, verbs) {
	offered.set(id, { ...offered.get(id), ...verbs });
}

/** Whether the open tab does this. */
export const can = (verb) => Boolean(offered.get(now)?.[verb]);

/** Asks the open tab to do it; one that does not know how lets it be. */
export const act = (verb, ...given) => offered.get(now)?.[verb]?.(...given);

/** The tab of a hash; what follows a `?` belongs to the tab itself. */
function named(id) {
	const name = id.replace(/^#/, '').split('?')[0];
	return TABS.find((tab) => tab.id === name) || TABS[0];
}

export function show(id) {
	const tab = named(id);
	now = tab.id;
	for (const other of TABS) {
		for (const part of other.shows) {
			const panel = byId(part);
			if (panel) panel.hidden = other !== tab;
		}
		const button = byId(`tab-${other.id}`);
		button.setAttribute('aria-selected', String(other === tab));
		button.tabIndex = other === tab ? 0 : -1;
	}
	document.body.dataset.tab = tab.id;
	byId('tab-name').textContent = tab.title;
	// Back leads to the tab before.
	if (named(location.hash) !== tab)
		history.pushState(null, '', tab === TABS[0] ? location.pathname + location.search : `#${tab.id}`);
	emit('tab', tab.id);
}

/** Parts come one after another; each learns whether its tab is open. */
export function settle(part) {
	const tab = TABS.find((one) => one.shows.includes(part));
	const panel = byId(part);
	panel.setAttribute('role', 'tabpanel');
	panel.setAttribute('aria-labelledby', `tab-${tab.id}`);
	panel.hidden = tab !== named(now || location.hash);
}
