// Knows how the page says something that happened: one calm line at its lower edge.
(() => {
	'use strict';

	const { element, byId } = window.LocalAI;
	const STAYS = 6000;
	let timer = 0;

	function dismiss() {
		clearTimeout(timer);
		const notice = byId('notice');
		notice.hidden = true;
		notice.replaceChildren();
	}

	/** `button` is {label, run}. Errors stay until they are closed; the rest goes by itself. */
	window.LocalAI.notify = ({ kind = 'info', message, remedy = '', button = null }) => {
		const notice = byId('notice');
		if (!notice) return;
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
