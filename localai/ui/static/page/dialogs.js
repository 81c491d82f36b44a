// Knows the dialogs that belong to no tab: the list of keys and the full screen.

import { byId } from './dom.js';
import { closesOutside } from './layers.js';
import * as viewer from './viewer.js';

export function mount() {
	const keys = byId('keys-dialog');
	byId('keys-close').addEventListener('click', () => keys.close());
	closesOutside(keys);
	viewer.attach();
}

export function showKeys() {
	const keys = byId('keys-dialog');
	if (!keys.open) keys.showModal();
}
