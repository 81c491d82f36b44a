// Knows the Downloads tab: the one line that takes words, names and links, what the hub found, what suits this machine.
window.LocalAI.downloads = (() => {
	'use strict';

	const LocalAI = window.LocalAI;
	const { element, byId, write, state, words, rows, library, fetching, repository } = LocalAI;
	const HUB = /^(?:https:\/\/)?(?:www\.)?(?:huggingface\.co|hf\.co)\/([\w.-]+\/[\w.-]+)\/?(?:tree\/[^?#]*)?(?:[?#].*)?$/i;
	const NAME = /^[\w.-]+\/[\w.-]+$/;
	const GROUPS = [
		['fits', 'Fit this machine'],
		['offload', 'Fit with parts waiting in main memory'],
		['unknown', 'Not known whether they fit'],
		['too large', 'Need a bigger machine'],
	];
	const suggestions = new Map();
	let known = null;
	let asking = null;
	let view = 'machine';
	let turn = 0;
	let found = [];

	/** The list that suits this machine, asked for once, then with every change of the library. */
	async function recommended() {
		if (!asking) asking = LocalAI.ask('ui_downloads_begin', {}, { quiet: true });
		const answer = await asking;
		if (answer.error) {
			asking = null;
			return [];
		}
		if (!known) {
			known = answer.recommended;
			LocalAI.hub.drawLimits(answer.limits);
			LocalAI.hub.drawToken(answer.token);
		}
		return known;
	}

	const licence = (one) => (one.licence === 'other' ? 'own licence' : one.licence);

	function row(name, title, line, extra, entry, action) {
		const open = element(
			'button',
			{ type: 'button', class: 'row-open', 'data-repo': name, onclick: () => repository.open(name, '', true) },
			rows.thumb({ thumbnail: null, ...entry }),
			element(
				'span',
				{ class: 'row-text' },
				element('span', { class: 'row-name', dir: 'auto', title: name }, title),
				...extra,
				line,
			),
			rows.badge({ fit: 'unknown', ...entry }),
		);
		return element('li', { class: 'row', 'data-row': name }, open, action);
	}

	/** A recommended model as a row, for here and for an empty Models tab. One click fetches it and loads it. */
	function suggestion(one) {
		const line = element('span', { class: 'row-line' });
		const act = element('button', { type: 'button', class: 'button row-act' });
		const facts = [
			state.catalog.architectures[one.family],
			words.gigabytes(one.bytes),
			`draws in ${words.gigabytes(one.memory)}`,
			words.plural(one.steps, 'step'),
			licence(one) + (one.commercial ? '' : ', not for commercial use'),
			one.gated ? 'gated' : '',
			one.drawable ? '' : 'this version does not draw with it yet',
		]
			.filter(Boolean)
			.join(', ');
		const item = row(
			one.repo,
			one.name,
			line,
			[element('span', { class: 'row-line wide' }, one.words)],
			{ kind: 'checkpoint', ...one },
			act,
		);
		item.classList.add('tall');
		act.addEventListener('click', () => {
			if (act.dataset.have) return LocalAI.tabs.show('models');
			if (one.gated) {
				if (LocalAI.tabs.open() !== 'downloads') LocalAI.tabs.show('downloads');
				return repository.open(one.repo, one.variant, true);
			}
			fetching.start({ source: one.repo, variant: one.variant, then_load: one.drawable });
		});
		function update() {
			const under = fetching.of(one.repo);
			const busy = under && fetching.pending(under);
			const have = !busy && ((under && under.state === 'finished') || one.have);
			write(line, busy ? fetching.doing(under) : facts);
			act.dataset.have = have ? 'yes' : '';
			act.disabled = Boolean(busy);
			const label = have ? 'In Models' : busy ? 'On its way' : one.gated ? 'See files' : 'Download';
			write(act, label);
			act.setAttribute('aria-label', `${label}: ${one.name}`);
			act.classList.toggle('quiet', Boolean(have));
		}
		update();
		suggestions.set(item, update);
		return item;
	}

	function result(one) {
		const mark = [one.gated ? 'Gated' : '', one.have ? 'Here already' : ''].filter(Boolean).join(', ');
		const line = [
			library.family(one) === 'Unknown' ? '' : library.family(one),
			one.kind === 'checkpoint' ? '' : library.kind(one),
			one.bytes ? words.gigabytes(one.bytes) : '',
			licence(one),
			`${words.count(one.downloads)} downloads`,
		]
			.filter(Boolean)
			.join(', ');
		return row(
			one.repo,
			one.repo,
			element('span', { class: 'row-line' }, line),
			[],
			{ ...one, mark },
			element(
				'button',
				{
					type: 'button',
					class: 'button row-act',
					'aria-label': `See files of ${one.repo}`,
					onclick: () => repository.open(one.repo, '', true),
				},
				'See files',
			),
		);
	}

	async function drawMachine() {
		const list = await recommended();
		const holder = byId('hub-machine');
		if (!holder) return;
		const groups = GROUPS.map(([fit, title]) => [title, list.filter((one) => one.fit === fit)]);
		holder.replaceChildren(
			...groups
				.filter(([, some]) => some.length)
				.map(([title, some]) =>
					element(
						'section',
						{ 'aria-label': title },
						element('h3', {}, title),
						element('ul', { class: 'rows' }, ...some.map(suggestion)),
					),
				),
		);
		mark();
	}

	function show(next) {
		view = next;
		for (const radio of byId('hub-views').children) {
			radio.setAttribute('aria-checked', String(radio.dataset.view === view));
			radio.tabIndex = radio.dataset.view === view ? 0 : -1;
		}
		const hub = view === 'hub';
		byId('hub-filters').hidden = !hub;
		byId('hub-machine').hidden = hub;
		byId('hub-found').hidden = !hub || !byId('hub-rows').childElementCount;
		byId('hub-count').hidden = !hub;
		byId('hub-message').hidden = true;
		byId('hub-waiting').hidden = true;
	}

	function say(title, text, again) {
		byId('hub-rows').replaceChildren();
		byId('hub-found').hidden = true;
		write(byId('hub-count'), '');
		write(byId('hub-message-title'), title.replace(/\.$/, ''));
		write(byId('hub-message-text'), text);
		byId('hub-again').hidden = !again;
		byId('hub-models').hidden = !again;
		byId('hub-message').hidden = false;
	}

	async function search() {
		show('hub');
		const now = ++turn;
		const waiting = setTimeout(() => (byId('hub-waiting').hidden = false), 300);
		const answer = await LocalAI.ask(
			'ui_hub_search',
			{
				text: byId('hub-search').value.trim(),
				family: byId('hub-family').value || null,
				licence: byId('hub-licence').value,
				largest: Number(byId('hub-largest').value),
				gated: { '': null, yes: true, no: false }[byId('hub-gated').value],
				sort: byId('hub-sort').value,
			},
			{ quiet: true },
		);
		clearTimeout(waiting);
		if (now !== turn) return;
		byId('hub-waiting').hidden = true;
		if (answer.error) {
			const { code, message, remedy } = answer.error;
			if (code === 'HubUnreachable')
				return say('The hub cannot be reached', `${message} Check the network. What you have is in Models.`, true);
			return say(message, remedy, true);
		}
		found = answer.found;
		byId('hub-message').hidden = true;
		if (!found.length) return say('The hub knows nothing of that', 'Search for fewer words, or widen the filters.', false);
		write(byId('hub-count'), words.plural(found.length, 'repository').replace('ys', 'ies'));
		byId('hub-rows').replaceChildren(...found.map(result));
		byId('hub-found').hidden = false;
		mark();
	}

	/** One line for everything: a link to the hub, a link to a file, a name, or words. */
	function take(event) {
		event.preventDefault();
		const text = byId('hub-search').value.trim();
		const repo = HUB.exec(text);
		if (repo) return repository.open(repo[1], '', true);
		if (/^https?:\/\//i.test(text)) return repository.openLink(text);
		if (NAME.test(text)) return repository.open(text, '', true);
		search();
	}

	/** Which row is shown at the side, and what is under way. */
	function mark() {
		const shown = repository.shown();
		for (const open of document.querySelectorAll('#downloads .row-open')) {
			if (open.dataset.repo === shown) open.setAttribute('aria-current', 'true');
			else open.removeAttribute('aria-current');
		}
	}

	function focus(repo) {
		const open = repo && document.querySelector(`#downloads [data-repo='${CSS.escape(repo)}']`);
		(open || byId('hub-search')).focus();
	}

	function refresh() {
		fetching.draw();
		for (const [item, update] of suggestions) {
			if (item.isConnected) update();
			else suggestions.delete(item);
		}
	}

	function attach() {
		const families = state.catalog.architectures;
		byId('hub-family').replaceChildren(
			element('option', { value: '' }, 'Any family'),
			...Object.keys(families)
				.filter((name) => name !== 'unknown' && name !== 'sketchbook')
				.map((name) => element('option', { value: name }, families[name])),
		);
		byId('hub-form').addEventListener('submit', take);
		LocalAI.radios(byId('hub-views'), (radio) => {
			if (radio.dataset.view === 'machine') show('machine');
			else search();
		});
		for (const id of ['hub-family', 'hub-licence', 'hub-largest', 'hub-gated', 'hub-sort'])
			byId(id).addEventListener('change', search);
		byId('fetching-tidy').addEventListener('click', fetching.tidy);
		byId('hub-again').addEventListener('click', search);
		byId('hub-models').addEventListener('click', () => LocalAI.tabs.show('models'));
		LocalAI.walkable(byId('hub-scroll'), '.row-open');
	}

	LocalAI.parts.downloads = () => {
		LocalAI.tabs.settle('downloads');
		attach();
		repository.attach();
		LocalAI.hub.attach();
		show('machine');
		const begin = () => {
			if (!state.begun || LocalAI.tabs.open() !== 'downloads') return;
			if (!byId('hub-machine').childElementCount) drawMachine();
			refresh();
		};
		LocalAI.on('tab', begin);
		LocalAI.on('begun', begin);
		LocalAI.on('standing', () => {
			fetching.tell();
			if (LocalAI.tabs.open() !== 'generate') refresh();
		});
		LocalAI.on('library', async () => {
			if (!known) return;
			const answer = await LocalAI.ask('ui_recommended', {}, { quiet: true });
			if (answer.error) return;
			known = answer.recommended;
			if (LocalAI.tabs.open() === 'downloads' || byId('hub-machine').childElementCount) drawMachine();
		});
	};

	return {
		suggestion,
		recommended,
		mark,
		focus,
		close: () => LocalAI.tabs.open() === 'downloads' && repository.close(),
		search: () => byId('hub-search').focus(),
	};
})();
