// Knows the tabs: which exist, what each shows, and which is open.
window.LocalAI.tabs = (() => {
	'use strict';

	const LocalAI = window.LocalAI;
	const { element, byId } = LocalAI;
	// A new tab is one entry: the parts that it shows are ids of the page.
	const TABS = [
		{ id: 'generate', title: 'Generate', shows: ['composer', 'stage'] },
		{ id: 'models', title: 'Models', shows: ['models'] },
		{ id: 'downloads', title: 'Downloads', shows: ['downloads'] },
		{ id: 'history', title: 'History', shows: ['history'] },
		{ id: 'hardware', title: 'Hardware', shows: ['hardware'] },
	];
	let open = '';
	let menu = null;

	/** The tab of a hash; what follows a `?` belongs to the tab itself. */
	function named(id) {
		const name = id.replace(/^#/, '').split('?')[0];
		return TABS.find((tab) => tab.id === name) || TABS[0];
	}

	function show(id) {
		const tab = named(id);
		open = tab.id;
		for (const other of TABS) {
			for (const part of other.shows) {
				const panel = byId(part);
				if (panel) panel.hidden = other !== tab;
			}
			const button = byId(`tab-${other.id}`);
			button.setAttribute('aria-selected', String(other === tab));
			button.tabIndex = other === tab ? 0 : -1;
		}
		document.body.dataset.tab = tab.id;
		byId('tab-name').textContent = tab.title;
		// Back leads to the tab before.
		if (named(location.hash) !== tab)
			history.pushState(null, '', tab === TABS[0] ? location.pathname + location.search : `#${tab.id}`);
		LocalAI.emit('tab', tab.id);
	}

	function move(event) {
		const at = TABS.findIndex((tab) => tab.id === open);
		const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[event.key];
		if (to === undefined) return;
		event.preventDefault();
		event.stopPropagation();
		show(TABS[(to + TABS.length) % TABS.length].id);
		byId(`tab-${open}`).focus();
	}

	LocalAI.parts.header = () => {
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
						'aria-controls': tab.shows.join(' '),
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
		menu = LocalAI.popup(byId('tab-menu-button'), byId('tab-menu'));
		LocalAI.walkable(byId('tab-menu'), 'button');
		addEventListener('hashchange', () => show(location.hash));
		LocalAI.panels.attach();
		show(location.hash);
	};

	/** Parts come one after another; each learns whether its tab is open. */
	function settle(part) {
		const tab = TABS.find((one) => one.shows.includes(part));
		const panel = byId(part);
		panel.setAttribute('role', 'tabpanel');
		panel.setAttribute('aria-labelledby', `tab-${tab.id}`);
		panel.hidden = tab !== named(open || location.hash);
	}

	return { show, settle, open: () => open };
})();
