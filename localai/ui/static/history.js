// Knows the History tab: pictures by day, older ones as they are scrolled to, details at the side.
window.LocalAI.history = (() => {
	'use strict';

	const LocalAI = window.LocalAI;
	const { element, byId, words } = LocalAI;
	const days = new Map();
	const tiles = new Map();
	let pictures = [];
	let more = true;
	let busy = false;
	let chosen = null;

	function tile(picture) {
		const button = element(
			'button',
			{
				type: 'button',
				class: 'tile',
				'data-picture-id': picture.id,
				'aria-label': picture.request.prompt,
				title: picture.request.prompt,
				onclick: () => choose(picture),
			},
			element('img', { src: `media/${picture.id}/thumbnail`, alt: '', loading: 'lazy', decoding: 'async' }),
		);
		tiles.set(picture.id, button);
		return button;
	}

	function grid(picture, atTop) {
		const name = words.day(picture.created_at);
		if (!days.has(name)) {
			const made = element('div', { class: 'day-grid' });
			const day = element('section', { class: 'day', 'aria-label': name }, element('h3', {}, name), made);
			days.set(name, made);
			if (atTop) byId('history-days').prepend(day);
			else byId('history-days').append(day);
		}
		return days.get(name);
	}

	function settle() {
		byId('history-empty').hidden = pictures.length > 0 || more;
		byId('history-more').hidden = !more;
	}

	async function load() {
		if (busy || !more) return;
		busy = true;
		const last = pictures[pictures.length - 1];
		const answer = await LocalAI.ask('ui_recent', { before: last ? last.id : null });
		busy = false;
		if (answer.error) {
			more = false;
			return settle();
		}
		more = answer.more;
		for (const picture of answer.pictures) {
			if (tiles.has(picture.id)) continue;
			pictures.push(picture);
			grid(picture, false).append(tile(picture));
		}
		settle();
		fill();
	}

	/** Goes on while the end of the list can be seen. */
	function fill() {
		const list = byId('history-list');
		if (LocalAI.tabs.open() === 'history' && list.scrollHeight - list.scrollTop < list.clientHeight * 2)
			load();
	}

	function add(fresh) {
		const newest = pictures.length ? pictures[0].id : 0;
		for (const picture of [...fresh].sort((a, b) => a.id - b.id)) {
			if (tiles.has(picture.id) || picture.id <= newest) continue;
			pictures.unshift(picture);
			grid(picture, true).prepend(tile(picture));
		}
		settle();
	}

	function choose(picture) {
		if (chosen) tiles.get(chosen.id).removeAttribute('aria-current');
		chosen = picture;
		const { request, receipt } = picture;
		tiles.get(picture.id).setAttribute('aria-current', 'true');
		byId('detail').hidden = false;
		const image = byId('detail-image');
		image.src = picture.url.replace(/^\//, '');
		image.alt = request.prompt;
		image.style.aspectRatio = `${picture.width} / ${picture.height}`;
		byId('detail-prompt').textContent = request.prompt;
		const facts = [
			['Without', request.negative_prompt],
			['Model', receipt.model_name || request.model],
			['Seed', words.seed(picture.seed)],
			['Size', `${picture.width} × ${picture.height}`],
			['Sampler', `${words.sampler(request)}, ${words.plural(request.steps || receipt.steps_done, 'step')}`],
			['Guidance', request.guidance_scale === null ? '' : String(request.guidance_scale)],
			[
				'Took',
				`${words.took(receipt.seconds)} on ${receipt.device === 'cpu' ? 'CPU' : receipt.device}, ${receipt.dtype}`,
			],
		];
		byId('detail-facts').replaceChildren(
			...facts
				.filter(([, value]) => value)
				.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]),
		);
		byId('detail-download').href = `media/${picture.id}?download=1`;
	}

	function close() {
		if (LocalAI.tabs.open() !== 'history' || byId('detail').hidden) return false;
		byId('detail').hidden = true;
		const held = tiles.get(chosen.id);
		held.removeAttribute('aria-current');
		held.focus();
		chosen = null;
		return true;
	}

	function walk(by) {
		if (!pictures.length) return;
		const at = chosen ? pictures.indexOf(chosen) + by : 0;
		const picture = pictures[Math.max(0, Math.min(pictures.length - 1, at))];
		choose(picture);
		tiles.get(picture.id).focus();
		tiles.get(picture.id).scrollIntoView({ block: 'nearest' });
	}

	LocalAI.parts.history = () => {
		LocalAI.tabs.settle('history');
		byId('history-list').addEventListener('scroll', fill, { passive: true });
		byId('detail-close').addEventListener('click', close);
		byId('detail-use').addEventListener('click', () => {
			LocalAI.form.use(chosen.request);
			LocalAI.tabs.show('generate');
			byId('prompt').focus();
		});
		byId('detail-full').addEventListener('click', () => LocalAI.viewer.open(pictures, chosen, choose));
		byId('history-start').addEventListener('click', () => {
			LocalAI.tabs.show('generate');
			byId('prompt').focus();
		});
		LocalAI.on('tab', fill);
		LocalAI.on('begun', fill);
		LocalAI.on('pictures', (fresh) => {
			if (pictures.length || !more) add(fresh);
		});
	};

	return { walk, close };
})();
