// Knows what the file of a picture says of itself, read anew from the file when it is asked for.

import { byId, write } from '../page/dom.js';
import { ask } from '../page/server.js';
import * as importing from './importing.js';

let read = 0;
let shown = () => 0;

async function look() {
	const id = shown();
	if (!id || read === id || !byId('detail-inside').open) return;
	read = id;
	byId('detail-inside-text').hidden = true;
	write(byId('detail-inside-words'), 'Reading.');
	const answer = await ask('ui_history_inside', { id }, { quiet: true });
	if (read !== id) return;
	write(byId('detail-inside-words'), importing.written(answer));
	byId('detail-inside-text').hidden = !answer.text;
	write(byId('detail-inside-text'), answer.text || '');
}

/** `given` answers the id of the picture whose details are open: they may still be on their way. */
export function attach(given) {
	shown = given;
	byId('detail-inside').addEventListener('toggle', look);
}

/** Another picture is looked at. */
export function leave() {
	read = 0;
	byId('detail-inside').open = false;
	write(byId('detail-inside-text'), '');
}
