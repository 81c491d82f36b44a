// Knows the full screen: one picture, its neighbours by arrow, Esc to leave.
window.LocalAI.viewer = (() => {
	'use strict';

	const { byId } = window.LocalAI;
	let pictures = [];
	let at = 0;
	let moved = null;

	function show(index) {
		at = Math.max(0, Math.min(pictures.length - 1, index));
		const picture = pictures[at];
		const image = byId('viewer-image');
		image.src = picture.url;
		image.alt = picture.request.prompt;
		byId('viewer-caption').textContent = picture.request.prompt;
		byId('viewer-previous').disabled = at === 0;
		byId('viewer-next').disabled = at === pictures.length - 1;
		if (moved) moved(picture);
	}

	/** Opens `picture` among `list`; `onmove` hears of each picture that is walked to. */
	function open(list, picture, onmove = null) {
		pictures = list;
		moved = null;
		show(list.findIndex((one) => one.id === picture.id));
		moved = onmove;
		byId('viewer').showModal();
	}

	function attach() {
		const dialog = byId('viewer');
		byId('viewer-close').addEventListener('click', () => dialog.close());
		byId('viewer-previous').addEventListener('click', () => show(at - 1));
		byId('viewer-next').addEventListener('click', () => show(at + 1));
		dialog.addEventListener('click', (event) => {
			if (event.target === dialog) dialog.close();
		});
		dialog.addEventListener('close', () => byId('viewer-image').removeAttribute('src'));
		dialog.addEventListener('keydown', (event) => {
			const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: pictures.length - 1 }[event.key];
			if (to === undefined) return;
			event.preventDefault();
			show(to);
		});
	}

	return { open, attach };
})();
