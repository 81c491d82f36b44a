// Knows the header: a button and a line of the menu for every tab, and the two chips.

import './arrivals.js';
import { on } from './bus.js';
import { showKeys } from './dialogs.js';
import { byId, element } from './dom.js';
import './keys.js';
import { popup, walkable } from './layers.js';
import * as panels from './panels.js';
import { open, show, TABS } from './tabs.js';
import { may } from './visitor.js';

let menu = null;

function move(event) {
	const shown = TABS.filter((tab) => may(tab.asks));
	const at = shown.findIndex((tab) => tab.id === open());
	const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: shown.length - 1 }[event.key];
	if (to === undefined) return;
	event.preventDefault();
	event.stopPropagation();
	show(shown[(to + shown.length) % shown.length].id);
	byId(`tab-${open()}`).focus();
}

export function mount() {
	const list = byId('tabs');
	for (const tab of TABS) {
		list.append(
			element(
				'button',
				{
					type: 'button',
					role: 'tab',
					id: `tab-${tab.id}`,
					class: 'tab',
					'data-asks': tab.asks,
					'aria-controls': `room-${tab.id}`,
					onclick: () => show(tab.id),
				},
				tab.title,
			),
		);
		byId('tab-menu').append(
			element(
				'button',
				{
					type: 'button',
					class: 'menu-item',
					'data-asks': tab.asks,
					onclick: () => {
						show(tab.id);
						menu.hide();
					},
				},
				tab.title,
			),
		);
	}
	list.addEventListener('keydown', move);
	menu = popup(byId('tab-menu-button'), byId('tab-menu'));
	walkable(byId('tab-menu'), 'button');
	addEventListener('hashchange', () => show(location.hash));
	// An address may lead to a tab that is not for this visitor, which is known only now.
	on('begun', () => TABS.some((tab) => tab.id === open() && !may(tab.asks)) && show(TABS[0].id));
	byId('keys-button').addEventListener('click', showKeys);
	panels.attach();
	show(location.hash);
}
