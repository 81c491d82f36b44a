// Knows what the file of a picture says of itself, read anew from the file when it is asked for.
window.LocalAI.inside = (() => {
	'use strict';

	const LocalAI = window.LocalAI;
	const { byId, write } = LocalAI;
	let read = 0;

	async function look() {
		const picture = LocalAI.detail.picture();
		if (!picture || read === picture.id || !byId('detail-inside').open) return;
		read = picture.id;
		byId('detail-inside-text').hidden = true;
		write(byId('detail-inside-words'), 'Reading.');
		const answer = await LocalAI.ask('ui_history_inside', { id: picture.id }, { quiet: true });
		if (read !== picture.id) return;
		write(byId('detail-inside-words'), LocalAI.importing.written(answer));
		byId('detail-inside-text').hidden = !answer.text;
		write(byId('detail-inside-text'), answer.text || '');
	}

	return {
		attach: () => byId('detail-inside').addEventListener('toggle', look),
		/** Another picture is looked at. */
		leave() {
			read = 0;
			byId('detail-inside').open = false;
			write(byId('detail-inside-text'), '');
		},
	};
})();
