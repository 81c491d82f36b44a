// Knows the keys of the whole page; what they do is for the open tab to say.

import { showKeys } from './dialogs.js';
import { isField } from './dom.js';
import * as layers from './layers.js';
import { currentJob } from './state.js';
import { act, can } from './tabs.js';

document.addEventListener('keydown', (event) => {
	if (event.defaultPrevented || event.isComposing) return;
	const { key, target } = event;
	const dialog = document.querySelector('dialog[open]');
	if (key === 'Enter' && (event.ctrlKey || event.metaKey)) {
		if (dialog || !can('submit')) return;
		event.preventDefault();
		act('submit');
		return;
	}
	if (key === 'Escape') {
		if (dialog) return;
		if (layers.closeTop()) return event.preventDefault();
		if (act('close')) return;
		if (can('stop') && currentJob()) {
			event.preventDefault();
			act('stop', 'stop');
		}
		return;
	}
	if (event.altKey && (key === 'ArrowUp' || key === 'ArrowDown')) {
		if (dialog || event.ctrlKey || event.metaKey || event.shiftKey || !can('recall')) return;
		event.preventDefault();
		act('recall', key === 'ArrowUp' ? -1 : 1);
		return;
	}
	if (dialog || event.ctrlKey || event.metaKey || event.altKey || isField(target)) return;
	if (key === '?') {
		event.preventDefault();
		showKeys();
	} else if (key === '/' && can('search')) {
		event.preventDefault();
		act('search');
	} else if (key.toLowerCase() === 'f' && can('favourite')) {
		event.preventDefault();
		act('favourite');
	} else if (key === 'Delete' && can('remove') && !layers.any()) {
		event.preventDefault();
		act('remove');
	} else if ((key === 'ArrowLeft' || key === 'ArrowRight') && !layers.any()) {
		event.preventDefault();
		act('walk', key === 'ArrowRight' ? 1 : -1);
	}
});
