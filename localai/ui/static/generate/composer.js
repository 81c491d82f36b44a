// Knows the composer: the prompt, the button, the cost line, errors beside their fields, the sheet on phones.
window.LocalAI.composer = (() => {
	'use strict';

	const LocalAI = window.LocalAI;
	const { byId, write, state, words } = LocalAI;
	const FIELDS = {
		prompt: 'prompt',
		negative_prompt: 'negative-prompt',
		width: 'width',
		height: 'height',
		steps: 'steps',
		guidance_scale: 'guidance',
		sampler: 'sampler',
		schedule: 'schedule',
		seed: 'seed',
		count: 'count',
	};
	const NAMES = { negative: 'negative_prompt', guidance: 'guidance_scale' };
	let asked = 0;
	// The field that the last estimate found wrong.
	let doubted = '';
	let submitted = 0;

	function fit(area) {
		area.style.height = 'auto';
		area.style.height = `${area.scrollHeight + 2}px`;
	}

	function setError(field, text) {
		const line = byId(`error-${field}`);
		const input = byId(FIELDS[field]);
		if (!line || !input) return false;
		line.textContent = text;
		line.hidden = !text;
		if (text) input.setAttribute('aria-invalid', 'true');
		else input.removeAttribute('aria-invalid');
		return true;
	}

	function clearErrors() {
		for (const field of Object.keys(FIELDS)) setError(field, '');
	}

	/** An error beside its field, which is brought into sight; one without a field becomes a notice. */
	function showError(error, focus = true) {
		const text = [error.message, error.remedy].filter(Boolean).join(' ');
		if (!setError(error.field, text)) return LocalAI.notify({ kind: 'error', ...error });
		if (!focus) return;
		const input = byId(FIELDS[error.field]);
		if (error.field !== 'prompt') openSheet(true);
		const fold = input.closest('details');
		if (fold) fold.open = true;
		if (error.field === 'negative_prompt') LocalAI.form.set({ negativeOpen: true });
		input.focus();
	}

	function drawTokens(estimate) {
		const { tokens, negative_tokens: negative, token_limit: limit } = estimate;
		write(byId('token-count'), `${tokens} / ${limit}`);
		write(byId('negative-count'), `${negative} / ${limit}`);
		const over = tokens - limit;
		byId('token-count').classList.toggle('over', over > 0);
		byId('negative-count').classList.toggle('over', negative > limit);
		const note = byId('token-note');
		note.hidden = over <= 0;
		write(
			note,
			over > 0
				? `Only the first ${limit - 2} word-pieces are read; ${over} ${over === 1 ? 'is' : 'are'} left out.`
				: '',
		);
	}

	function drawCost({ seconds, bytes, memory, fits }) {
		const cost = byId('cost');
		const strong = (text) => LocalAI.element('strong', {}, text);
		const need = words.gigabytes(bytes);
		const time =
			seconds === null
				? ['First picture with this model: the time is not known yet. ']
				: ['About ', strong(words.duration(seconds)), ', '];
		cost.classList.toggle('trouble', !fits);
		cost.replaceChildren(
			...time,
			...(fits
				? [strong(need), ` of ${words.gigabytes(memory.total)}. Fits.`]
				: [`needs about `, strong(need), `, ${words.gigabytes(memory.free)} are free. Draw smaller.`]),
		);
	}

	async function estimate() {
		const turn = ++asked;
		const answer = await LocalAI.ask('ui_estimate', LocalAI.form.fields(), { quiet: true });
		if (turn !== asked) return;
		if (doubted && doubted !== (answer.error && answer.error.field)) setError(doubted, '');
		doubted = '';
		if (answer.error) {
			if (answer.error.field) {
				doubted = answer.error.field;
				showError(answer.error, false);
			}
			return;
		}
		drawTokens(answer.estimate);
		drawCost(answer.estimate);
	}
	const estimateSoon = LocalAI.later(estimate, 300);

	async function submit() {
		const now = Date.now();
		if (now - submitted < 300) return;
		submitted = now;
		LocalAI.choices.settle();
		clearErrors();
		const button = byId('generate');
		button.setAttribute('aria-busy', 'true');
		const answer = await LocalAI.ask('ui_submit', LocalAI.form.fields(), { quiet: true });
		button.removeAttribute('aria-busy');
		if (answer.error) return showError(answer.error);
		LocalAI.dismissNotice();
		openSheet(false);
		LocalAI.form.keepNow();
		LocalAI.emit('submitted', answer.job);
	}

	function openSheet(open) {
		byId('composer-form').classList.toggle('open', open);
		byId('more').setAttribute('aria-expanded', String(open));
		write(byId('more'), open ? 'Less' : 'More');
	}

	function draw() {
		const { values } = LocalAI.form;
		for (const [id, name] of [
			['prompt', 'prompt'],
			['negative-prompt', 'negative'],
		]) {
			const area = byId(id);
			if (area.value !== values[name]) area.value = values[name];
			fit(area);
		}
		byId('negative-box').hidden = !values.negativeOpen;
		byId('negative-toggle').setAttribute('aria-expanded', String(values.negativeOpen));
		write(byId('negative-toggle'), values.negativeOpen ? '− negative' : '+ negative');
		LocalAI.choices.draw();
	}

	function measure() {
		document.body.style.setProperty('--dock', `${byId('composer').offsetHeight}px`);
	}

	LocalAI.parts.composer = () => {
		LocalAI.form.attach();
		LocalAI.tabs.settle('composer');
		LocalAI.choices.attach();
		LocalAI.timeline.attach();
		draw();
		const { set } = LocalAI.form;
		byId('prompt').addEventListener('input', (event) => {
			set({ prompt: event.target.value });
		});
		byId('negative-prompt').addEventListener('input', (event) => set({ negative: event.target.value }));
		byId('negative-toggle').addEventListener('click', () => {
			const open = !LocalAI.form.values.negativeOpen;
			set({ negativeOpen: open, ...(open ? {} : { negative: '' }) });
			if (open) byId('negative-prompt').focus();
		});
		byId('more').addEventListener('click', () =>
			openSheet(!byId('composer-form').classList.contains('open')),
		);
		byId('composer-form').addEventListener('submit', (event) => {
			event.preventDefault();
			submit();
		});
		new ResizeObserver(measure).observe(byId('composer'));
		LocalAI.on('form', (changes) => {
			for (const name of Object.keys(changes))
				if ((NAMES[name] || name) !== doubted) setError(NAMES[name] || name, '');
			draw();
			estimateSoon();
		});
		LocalAI.on('begun', estimateSoon);
		let seen = '';
		LocalAI.on('snapshot', () => {
			const now = `${state.snapshot.engine.state === 'starting'} ${state.snapshot.last && state.snapshot.last.id}`;
			if (now !== seen) estimateSoon();
			seen = now;
		});
	};

	return { submit, showError, setError };
})();
