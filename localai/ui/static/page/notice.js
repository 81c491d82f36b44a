// Knows how the page says something that happened: one calm line at its lower edge.

import { byId, element } from './dom.js';
import { act } from './tabs.js';

const STAYS = 6000;
// As long as one may need to see what happened and to want it back.
const OFFERS = 12000;
let timer = 0;
let home = null;
// Where the focus was before it came to this line.
let before = null;
// What takes back the last thing that can be taken back.
let back = null;

/** Takes back what was done last, once; answers whether there was something. */
export function undo() {
	const run = back;
	back = null;
	if (!run) return false;
	dismiss();
	run();
	return true;
}

export function dismiss() {
	clearTimeout(timer);
	const notice = byId('notice');
	const held = notice.contains(document.activeElement);
	const over = notice.closest('dialog[open]');
	notice.hidden = true;
	notice.replaceChildren();
	if (!held) return;
	if (before && before.isConnected && before.offsetParent && (!over || over.contains(before)))
		return before.focus({ preventScroll: true });
	if (!over) return act('focus');
	// In a dialog keys are heard only while something in it has the focus.
	over.tabIndex = -1;
	over.focus();
}

/** Goes by itself, but not from under the pointer, nor while keys are in it. */
function leaveSoon() {
	clearTimeout(timer);
	const notice = byId('notice');
	timer = setTimeout(
		() => (notice.matches(':hover, :focus-within') ? leaveSoon() : dismiss()),
		notice.querySelector('.link') ? OFFERS : STAYS,
	);
}

/** What lies over the page lies over this line too, so it goes there, and back when that is closed. */
function settle(notice) {
	if (!home) {
		home = notice.parentElement;
		notice.addEventListener('focusin', ({ relatedTarget: from }) => {
			if (!notice.contains(from)) before = from;
		});
	}
	const over = [...document.querySelectorAll('dialog[open]')].pop();
	if ((over || home) !== notice.parentElement) (over || home).append(notice);
	if (over) over.addEventListener('close', () => home.append(notice), { once: true });
}

/** `button` is {label, run}; `reverse`, which Ctrl+Z does too, takes back what happened. Errors stay until
 * they are closed; the rest goes by itself. */
export function notify({ kind = 'info', message, remedy = '', reverse = null, button = null }) {
	const notice = byId('notice');
	if (!notice) return;
	if (reverse) {
		back = reverse;
		button = { label: 'Undo', run: undo };
	}
	settle(notice);
	clearTimeout(timer);
	notice.className = `notice ${kind}`;
	notice.setAttribute('role', kind === 'error' ? 'alert' : 'status');
	const offer =
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
		...[element('p', {}, element('strong', {}, message), remedy ? ` ${remedy}` : null), offer, close].filter(
			Boolean,
		),
	);
	notice.hidden = false;
	if (kind !== 'error') leaveSoon();
}

/** Into the clipboard, and says so. */
export async function copy(text, message) {
	try {
		await navigator.clipboard.writeText(text);
		notify({ message });
	} catch {
		const said = text.length < 80 ? ` It is ${text}.` : '';
		notify({ message: `The browser did not allow copying.${said}` });
	}
}
