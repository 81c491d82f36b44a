// Knows what lies over the page: popups that belong to a button, folds, groups of choices; Esc closes the topmost.

const open = [];
const REACHED = 'button:not(:disabled), input, textarea, select, a[href]';

/** Ties a panel to its button. Returns {show, hide, shown}. Nothing is trapped; focus goes back to the button. */
export function popup(button, panel, options = {}) {
	const layer = { button, panel, hide };
	function show() {
		for (const other of [...open]) other.hide(false);
		panel.hidden = false;
		button.setAttribute('aria-expanded', 'true');
		open.push(layer);
		if (options.opened) options.opened();
	}
	function hide(refocus = true) {
		if (panel.hidden) return;
		const held = panel.contains(document.activeElement);
		panel.hidden = true;
		button.setAttribute('aria-expanded', 'false');
		open.splice(open.indexOf(layer), 1);
		if (refocus && (held || document.activeElement === document.body)) button.focus();
	}
	button.setAttribute('aria-expanded', 'false');
	button.setAttribute('aria-controls', panel.id);
	button.addEventListener('click', () => (panel.hidden ? show() : hide()));
	button.addEventListener('keydown', (event) => {
		if (event.key !== 'ArrowDown' || panel.hidden) return;
		event.preventDefault();
		[...panel.querySelectorAll(REACHED)].find((one) => one.offsetParent)?.focus();
	});
	return { show, hide, shown: () => !panel.hidden };
}

/** Up and Down (and Home, End) walk the buttons of a menu or list. */
export function walkable(holder, selector) {
	holder.addEventListener('keydown', (event) => {
		const items = [...holder.querySelectorAll(selector)].filter(
			(item) => !item.disabled && item.offsetParent,
		);
		const at = items.indexOf(document.activeElement);
		const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
		if (to === undefined || !items.length) return;
		event.preventDefault();
		items[(to + items.length) % items.length].focus();
	});
}

/** A group of radio buttons: one stop for Tab, arrows choose. */
export function radios(holder, choose) {
	holder.addEventListener('click', (event) => {
		const radio = event.target.closest('[role=radio]');
		if (radio) choose(radio);
	});
	holder.addEventListener('keydown', (event) => {
		const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
		if (!way) return;
		event.preventDefault();
		event.stopPropagation();
		const radios = [...holder.querySelectorAll('[role=radio]:not(:disabled)')];
		const next = radios[(radios.indexOf(document.activeElement) + way + radios.length) % radios.length];
		next.focus();
		choose(next);
	});
}

/** Buttons that each unfold a region below them, one at a time. `pairs` are [button, region, opened]. */
export function folds(...pairs) {
	const set = (at) =>
		pairs.forEach(([button, region, opened], index) => {
			const shown = index === at;
			if (shown && region.hidden && opened) opened();
			region.hidden = !shown;
			button.setAttribute('aria-expanded', String(shown));
		});
	pairs.forEach(([button, region], index) => {
		button.setAttribute('aria-controls', region.id);
		button.addEventListener('click', () => set(region.hidden ? index : -1));
	});
	set(-1);
	return { open: (at = 0) => set(at), close: () => set(-1) };
}

export const any = () => open.length > 0 || Boolean(document.querySelector('dialog[open]'));

export const closeTop = () => (open.length ? (open[open.length - 1].hide(), true) : false);

/** A click beside a dialog closes it. */
export function closesOutside(dialog) {
	dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
}

document.addEventListener('pointerdown', (event) => {
	for (const layer of [...open]) {
		if (!layer.panel.contains(event.target) && !layer.button.contains(event.target)) layer.hide(false);
	}
});
