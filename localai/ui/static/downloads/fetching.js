// Knows the queue of downloads: a row for each, what it is doing, and what can be done about it.
window.LocalAI.fetching = (() => {
	'use strict';

	const LocalAI = window.LocalAI;
	const { element, byId, write, state, words, rows } = LocalAI;
	const made = new Map();
	// What this page asked to be loaded when it is here.
	const wanted = new Set();

	const all = () => (state.snapshot ? state.snapshot.downloads : []);
	const change = (id, verb, more = {}) => LocalAI.ask('ui_download_change', { id, verb, ...more });

	/** What a download is doing, in one line. */
	function doing(one) {
		const share = words.share(one.done, one.bytes);
		// It waits, mostly for the network, and goes on by itself.
		if (one.error && ['queued', 'running'].includes(one.state) && !one.speed)
			return `${one.error.message} ${one.error.remedy}`.trim();
		const here = one.reused ? `, ${words.gigabytes(one.reused)} of it were here already` : '';
		if (one.state === 'running') {
			const speed = one.speed ? ` · ${words.speed(one.speed)}` : '';
			const left = one.eta === null ? '' : ` · ${words.seconds(one.eta)} left`;
			return one.bytes ? `${share}${speed}${left}` : `Asking how large it is${speed}`;
		}
		if (one.state === 'checking') return `Checking ${words.gigabytes(one.bytes)}`;
		if (one.state === 'paused') return `Paused at ${share}`;
		if (one.state === 'finished') return `Finished, ${words.gigabytes(one.bytes)}${here}`;
		if (one.state === 'cancelled') return 'Cancelled';
		if (one.state === 'failed')
			return one.error ? `${one.error.message} ${one.error.remedy}`.trim() : 'It could not be fetched.';
		return one.done ? `Waiting at ${share}` : `Waiting${one.bytes ? `, ${words.gigabytes(one.bytes)}` : ''}`;
	}

	/** A repository by its whole name, a file of a link by its own. */
	const title = (one) => (one.request.source.includes('://') ? one.name : one.request.source);

	/** The download of a repository, one under way before one that ended. */
	function of(repo) {
		const its = all().filter((one) => one.request.source === repo);
		return its.find(pending) || its[0];
	}

	function loading(one) {
		const { library } = LocalAI;
		return one.state === 'finished' && one.model ? library.doing(one.model) : '';
	}

	function fraction(one) {
		if (loading(one)) return LocalAI.library.fraction(one.model);
		if (!['running', 'paused', 'queued', 'checking'].includes(one.state)) return null;
		return one.bytes ? one.done / one.bytes : 0;
	}

	async function load(one) {
		const known = state.models.find((model) => model.id === one.model);
		if (known) return LocalAI.library.use(known);
		const answer = await LocalAI.ask('ui_model_card', { model: one.model });
		if (answer.error) return;
		if (answer.card.drawable) LocalAI.library.use(answer.card);
		else show(one);
	}

	function show(one) {
		LocalAI.tabs.show('models');
		LocalAI.card.open(one.model);
	}

	/** The one thing to do now: {label, run}. */
	function action(one) {
		const verb = (label, name) => ({ label, run: () => change(one.id, name) });
		if (one.state === 'running' || one.state === 'checking' || one.state === 'queued') return verb('Pause', 'pause');
		if (one.state === 'paused') return verb('Resume', 'resume');
		if (one.state === 'failed' || one.state === 'cancelled') return verb('Try again', 'resume');
		if (!one.model) return null;
		if (loading(one)) return { label: 'Cancel', run: LocalAI.library.cancel };
		const drawable = state.models.some((model) => model.id === one.model && !model.problem);
		if (!drawable) return { label: 'Show', run: () => show(one) };
		const ready = LocalAI.library.standing(one.model) === 'held' && LocalAI.form.values.model === one.model;
		return ready
			? { label: 'Draw with it', run: () => LocalAI.tabs.show('generate') }
			: { label: 'Load', run: () => load(one) };
	}

	const pending = (one) => ['queued', 'running', 'paused', 'checking'].includes(one.state);

	function make(first) {
		let one = first;
		let run = () => {};
		const name = element('span', { class: 'row-name', dir: 'auto' });
		const line = element('span', { class: 'row-line' });
		const icon = (label, sign, act) =>
			element('button', { type: 'button', class: 'icon', 'aria-label': `${label} ${title(first)}`, title: label, onclick: act }, sign);
		const up = icon('Move up', '↑', () => shift(-1));
		const down = icon('Move down', '↓', () => shift(1));
		const end = icon('Cancel', '×', () => change(one.id, pending(one) ? 'cancel' : 'forget'));
		const act = element('button', { type: 'button', class: 'button row-act', onclick: () => run() });
		const { line: meter, set } = rows.meter();
		const item = element(
			'li',
			{ class: 'row', 'data-download': one.id },
			element('span', { class: 'row-text' }, name, line),
			element('span', { class: 'row-icons' }, up, down, end),
			act,
			meter,
		);

		async function shift(by) {
			const held = document.activeElement;
			await change(one.id, 'move', { position: Math.max(0, one.position + by) });
			if (held && held.isConnected && !held.disabled) held.focus();
		}

		function update(fresh, first, last) {
			one = fresh;
			write(name, title(one));
			name.title = title(one);
			write(line, loading(one) || doing(one));
			line.className = `row-line ${one.error && one.state !== 'paused' && !one.speed ? 'trouble' : ''}`;
			line.title = one.state === 'failed' ? line.textContent : '';
			item.dataset.state = one.state;
			set(fraction(one));
			const waits = pending(one);
			up.hidden = down.hidden = !waits || (first && last);
			up.disabled = first;
			down.disabled = last;
			const label = waits ? 'Cancel' : 'Take off the list';
			end.title = label;
			end.setAttribute('aria-label', `${label}: ${title(one)}`);
			const now = action(one);
			act.hidden = !now;
			if (!now) return;
			run = now.run;
			write(act, now.label);
			act.setAttribute('aria-label', `${now.label}: ${title(one)}`);
		}
		return { item, update };
	}

	function draw() {
		const downloads = all();
		const list = byId('fetching-rows');
		if (!list) return;
		for (const [id, row] of made) {
			if (downloads.some((one) => one.id === id)) continue;
			const held = row.item.contains(document.activeElement);
			row.item.remove();
			made.delete(id);
			if (held) byId('hub-search').focus();
		}
		const waits = downloads.filter(pending);
		downloads.forEach((one, index) => {
			if (!made.has(one.id)) made.set(one.id, make(one));
			const row = made.get(one.id);
			row.update(one, one === waits[0], one === waits[waits.length - 1]);
			if (list.children[index] !== row.item) {
				const held = row.item.contains(document.activeElement) ? document.activeElement : null;
				list.insertBefore(row.item, list.children[index] || null);
				if (held) held.focus();
			}
		});
		byId('fetching').hidden = downloads.length === 0;
		byId('fetching-tidy').hidden = downloads.length - waits.length < 2;
	}

	async function tidy() {
		byId('hub-search').focus();
		for (const one of all()) if (!pending(one)) await change(one.id, 'forget');
	}

	/** Answers whether it is on its way now. */
	async function start(fields) {
		const answer = await LocalAI.ask('ui_download_start', fields);
		if (answer.error) return false;
		if (fields.then_load) wanted.add(answer.download.id);
		return true;
	}

	/** Chooses for Generate what this page wanted to draw with. */
	async function choose(one) {
		if (!wanted.delete(one.id) || !one.model) return;
		const answer = await LocalAI.ask('ui_models', {}, { quiet: true });
		if (answer.error) return;
		state.models = answer.models;
		if (state.models.some((model) => model.id === one.model && !model.problem)) LocalAI.form.setModel(one.model);
	}

	/** Says once how a download ended that was seen under way, where its row cannot be seen. */
	const seen = new Set();
	function tell() {
		for (const one of all()) {
			if (one.state === 'finished') choose(one);
			if (pending(one)) seen.add(one.id);
			else if (seen.delete(one.id) && LocalAI.tabs.open() !== 'downloads') {
				if (one.state === 'finished')
					LocalAI.notify({
						message: `${title(one)} is here.`,
						button: one.model && !one.request.then_load ? { label: 'Load', run: () => load(one) } : null,
					});
				if (one.state === 'failed')
					LocalAI.notify({ kind: 'error', message: `${title(one)}: ${one.error.message}`, remedy: one.error.remedy });
			}
		}
	}

	return { all, doing, fraction, draw, start, tidy, tell, pending, of };
})();
