// Knows what the file of a picture says of itself, read anew from the file when it is asked for.

import { byId, write } from '../page/dom.js';
import { ask } from '../page/server.js';
import * as importing from './importing.js';

let read = 0;
let shown = () => null;

async function look() {
	const picture = shown();
	if (!picture || read === picture.id || !byId('detail-inside').open) return;
	read = picture.id;
	byId('detail-inside-text').hidden = true;
	write(byId('detail-inside-words'), 'Reading.');
	const answer = await ask('ui_history_inside', { id: picture.id }, { quiet: true });
	if (read !== picture.id) return;
	write(byId('detail-inside-words'), importing.written(answer));
	byId('detail-inside-text').hidden = !answer.text;
	write(byId('detail-inside-text'), answer.text || '');
}

/** `picture` answers the picture whose details are open. */
export function attach(picture) {
	shown = picture;
	byId('detail-inside').addEventListener('toggle', look);
}

/** Another picture is looked at. */
export function leave() {
	read = 0;
	byId('detail-inside').open = false;
	write(byId('detail-inside-text'), '');
}
