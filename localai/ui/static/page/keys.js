// Knows the keys of the whole page; what they do is for the open tab to say.

import { showKeys } from './dialogs.js';
import { isField } from './dom.js';
import * as layers from './layers.js';
import { undo } from './notice.js';
import { currentJob, isOwn } from './state.js';
import { act, can } from './tabs.js';

/** Keys that an input method is composing letters with are its own: nothing of the page hears them. Some
 * browsers say so by a code alone. */
addEventListener(
	'keydown',
	(event) => {
		if (event.isComposing || event.keyCode === 229) event.stopImmediatePropagation();
	},
	true,
);

/** Leaves what is nearest: what lies over the page, the field, what the tab has open; at last the job. */
function leave(event) {
	if (layers.closeTop()) return event.preventDefault();
	if (isField(event.target)) {
		event.target.blur();
		act('focus');
	} else if (!act('close') && can('stop') && currentJob() && isOwn(currentJob())) {
		event.preventDefault();
		act('stop', 'stop');
	}
}

document.addEventListener('keydown', (event) => {
	if (event.defaultPrevented) return;
	const { key, target } = event;
	const dialog = document.querySelector('dialog[open]');
	if (key === 'Enter' && (event.ctrlKey || event.metaKey)) {
		if (dialog || !can('submit')) return;
		event.preventDefault();
		act('submit');
		return;
	}
	if (key === 'Escape') {
		if (!dialog) leave(event);
		return;
	}
	if (event.altKey && (key === 'ArrowUp' || key === 'ArrowDown')) {
		if (dialog || event.ctrlKey || event.metaKey || event.shiftKey || !can('recall')) return;
		event.preventDefault();
		act('recall', key === 'ArrowUp' ? -1 : 1);
		return;
	}
	if (isField(target)) return;
	if (key.toLowerCase() === 'z' && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
		if (undo()) event.preventDefault();
		return;
	}
	if (dialog || event.ctrlKey || event.metaKey || event.altKey) return;
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
