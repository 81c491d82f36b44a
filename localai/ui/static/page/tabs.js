// Knows the tabs: which exist, which is open, and what the keys of the page do in it.

import { settle } from './bus.js';
import { catalog } from './catalog.js';
import { appears, byId } from './dom.js';
import { there } from './mount.js';

export const TABS = catalog.tabs;
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

/** Opens a tab. What is in it is there at once, or where Gradio has yet to make it, when this is done. */
export async function show(id) {
	const tab = named(id);
	now = tab.id;
	for (const other of TABS) {
		const panel = byId(`room-${other.id}`);
		if (panel) panel.style.display = other === tab ? 'flex' : 'none';
		const button = byId(`tab-${other.id}`);
		button.setAttribute('aria-selected', String(other === tab));
		button.tabIndex = other === tab ? 0 : -1;
	}
	document.body.dataset.tab = tab.id;
	byId('tab-name').textContent = tab.title;
	// Back leads to the tab before.
	if (named(location.hash) !== tab)
		history.pushState(null, '', tab === TABS[0] ? location.pathname + location.search : `#${tab.id}`);
	settle('tab', tab.id);
	// Gradio's own button, which nobody sees. It may come after ours, and what it does it does a little later;
	// so what can be done at once is done above.
	const button = await appears(`room-${tab.id}-button`);
	if (now === tab.id) button.click();
	await Promise.all(tab.parts.map((part) => there(`${tab.id}/${part}`)));
	byId(`room-${tab.id}`).setAttribute('aria-labelledby', `tab-${tab.id}`);
}
