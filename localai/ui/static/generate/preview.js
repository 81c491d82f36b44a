// Knows how one image takes the place of another without a flicker: only when it has been decoded, only the latest.

import { emit } from '../page/bus.js';

export function swapper(frame, id) {
	const RETRY = 700;
	let shown = null;
	let wanted = null;
	let busy = false;
	let failures = 0;

	const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

	function put(image, next) {
		image.id = id;
		image.alt = next.alt;
		image.dataset.kind = next.kind;
		image.dataset.job = next.job;
		image.dataset.seed = String(next.seed);
		frame.querySelector(`#${id}`).replaceWith(image);
		shown = next;
		failures = 0;
		if (next.kind === 'preview') emit('preview', { job: next.job, image });
	}

	async function pump() {
		if (busy) return;
		busy = true;
		while (wanted && (!shown || shown.src !== wanted.src)) {
			const next = wanted;
			const image = new Image();
			image.decoding = 'async';
			image.src = next.src;
			try {
				await image.decode();
			} catch {
				// A preview that is gone was overtaken; a picture is worth asking for again.
				if (next.kind === 'preview' || failures++ > 4) {
					if (wanted === next) wanted = shown;
				} else await pause(RETRY);
				continue;
			}
			if (
				wanted &&
				(wanted === next || (wanted.job === next.job && wanted.kind === next.kind && next.kind === 'preview'))
			)
				put(image, next);
		}
		busy = false;
	}

	return {
		/** `next` is {src, kind, job, seed, alt}. */
		show(next) {
			if (wanted && wanted.src === next.src) return;
			wanted = next;
			failures = 0;
			pump();
		},
		clear() {
			if (!shown && !wanted) return;
			wanted = null;
			shown = null;
			const blank = document.createElement('img');
			blank.id = id;
			blank.alt = '';
			blank.hidden = true;
			frame.querySelector(`#${id}`).replaceWith(blank);
		},
		job: () => shown && shown.job,
	};
}
