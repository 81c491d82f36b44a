// Knows small helpers for the DOM.

/** element('button', {class: 'quiet', onclick: run}, 'Stop'): text becomes text, never markup. */
export function element(tag, attributes = {}, ...children) {
	const made = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes)) {
		if (value === null || value === undefined || value === false) continue;
		if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
		else made.setAttribute(name, value === true ? '' : value);
	}
	made.append(...children.filter((child) => child !== null && child !== undefined));
	return made;
}

export const byId = (id) => document.getElementById(id);

/** Waits for what somebody else puts into the page. */
export async function appears(id) {
	while (!byId(id)) await new Promise((done) => setTimeout(done, 10));
	return byId(id);
}

/** Writes only what changed, so that nothing is painted or read aloud twice. */
export function write(target, text) {
	if (target.textContent !== text) target.textContent = text;
}

const drawn = new WeakMap();

/** What tells the focused part of a list from its neighbours. */
const sign = (part) => JSON.stringify([{ ...part.dataset }, part.getAttribute('aria-label')]);

/**
 * Fills `holder` with `make()` when `from` is another than the last time, and tells whether it did: what is being
 * pressed, opened or read stays where it is while nothing changed, and what has the focus keeps it when it is made anew.
 */
export function redraw(holder, from, make) {
	const now = JSON.stringify(from);
	if (drawn.get(holder) === now) return false;
	drawn.set(holder, now);
	const held = holder.contains(document.activeElement) ? sign(document.activeElement) : null;
	holder.replaceChildren(...make().filter(Boolean));
	if (held)
		[...holder.querySelectorAll('button, input, select')].find((part) => sign(part) === held)?.focus();
	return true;
}

export function later(run, milliseconds) {
	let timer = 0;
	return (...given) => {
		clearTimeout(timer);
		timer = setTimeout(() => run(...given), milliseconds);
	};
}

export function isField(target) {
	return (
		target instanceof HTMLElement &&
		(target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
	);
}

/** Draws an image into a canvas as CSS `cover` would. */
export function cover(canvas, image) {
	const side = Math.min(image.naturalWidth, image.naturalHeight);
	const context = canvas.getContext('2d');
	context.imageSmoothingQuality = 'high';
	context.drawImage(
		image,
		(image.naturalWidth - side) / 2,
		(image.naturalHeight - side) / 2,
		side,
		side,
		0,
		0,
		canvas.width,
		canvas.height,
	);
}

export const phone = () => matchMedia('(max-width: 760px)').matches;
