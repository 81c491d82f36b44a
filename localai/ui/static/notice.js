// Knows how the page says something that happened: one calm line at its lower edge.
(() => {
	'use strict';

	const { element, byId } = window.LocalAI;
	const STAYS = 6000;
	let timer = 0;
	let home = null;

	function dismiss() {
		clearTimeout(timer);
		const notice = byId('notice');
		const held = notice.contains(document.activeElement);
		notice.hidden = true;
		notice.replaceChildren();
		// In a dialog keys are heard only while something in it has the focus.
		const over = held && notice.closest('dialog[open]');
		if (!over) return;
		over.tabIndex = -1;
		over.focus();
	}

	/** What lies over the page lies over this line too, so it goes there, and back when that is closed. */
	function settle(notice) {
		home = home || notice.parentElement;
		const over = [...document.querySelectorAll('dialog[open]')].pop();
		if ((over || home) !== notice.parentElement) (over || home).append(notice);
		if (over) over.addEventListener('close', () => home.append(notice), { once: true });
	}

	/** `button` is {label, run}. Errors stay until they are closed; the rest goes by itself. */
	window.LocalAI.notify = ({ kind = 'info', message, remedy = '', button = null }) => {
		const notice = byId('notice');
		if (!notice) return;
		settle(notice);
		clearTimeout(timer);
		notice.className = `notice ${kind}`;
		notice.setAttribute('role', kind === 'error' ? 'alert' : 'status');
		const act =
			button &&
			element(
				'button',
				{
					type: 'button',
					class: 'link',
					onclick: () => {
						dismiss();
						button.run();
					},
				},
				button.label,
			);
		const close = element(
			'button',
			{ type: 'button', class: 'icon', 'aria-label': 'Close this message', onclick: dismiss },
			'×',
		);
		notice.replaceChildren(
			...[element('p', {}, element('strong', {}, message), remedy ? ` ${remedy}` : null), act, close].filter(
				Boolean,
			),
		);
		notice.hidden = false;
		if (kind !== 'error') timer = setTimeout(dismiss, STAYS);
	};
	window.LocalAI.dismissNotice = dismiss;
})();
