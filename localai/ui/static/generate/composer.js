// Knows the composer: the prompt, the button, the cost line, errors beside their fields, the sheet on phones.

import { emit, on } from '../page/bus.js';
import { byId, isField, later, write } from '../page/dom.js';
import * as form from '../page/form.js';
import { dismiss, notify } from '../page/notice.js';
import { ask } from '../page/server.js';
import { state } from '../page/state.js';
import * as tabs from '../page/tabs.js';
import { long } from '../page/terms.js';
import * as choices from './choices.js';
import * as cost from './cost.js';
import { clearErrors, FIELDS, setError, settingOf } from './fields.js';
import * as timeline from './timeline.js';

// What is chosen below the prompt: {attach(), draw(), settle()}. A noun brings a part of its own, with a
// field and a line for its errors whose ids are those of `fields.js`.
const PARTS = [choices];
let asked = 0;
// The setting that the last estimate found wrong.
let doubted = '';
let submitted = 0;

function fit(area) {
	area.style.height = 'auto';
	area.style.height = `${area.scrollHeight + 2}px`;
}

/** An error beside its field, which is brought into sight; one without a field becomes a notice. */
function showError(error, focus = true) {
	const text = [error.message, error.remedy].filter(Boolean).join(' ');
	const setting = settingOf(error.field);
	if (!setError(setting, text)) return notify({ kind: 'error', ...error });
	if (!focus) return;
	const input = byId(FIELDS[setting]);
	if (setting !== 'prompt') openSheet(true);
	const fold = input.closest('details');
	if (fold) fold.open = true;
	if (setting === 'negative_prompt') form.set({ negativeOpen: true });
	input.focus();
	byId(`error-${setting}`).scrollIntoView({ block: 'nearest' });
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
			? `Only the first ${limit - 2} tokens are read; the last ${over} ${over === 1 ? 'is' : 'are'} left out.`
			: '',
	);
}

async function estimate() {
	const turn = ++asked;
	const answer = await ask('ui_estimate', form.fields(), { quiet: true });
	if (turn !== asked) return;
	const wrong = settingOf(answer.error && answer.error.field);
	if (doubted !== wrong) setError(doubted, '');
	doubted = wrong;
	if (wrong) showError(answer.error, false);
	if (answer.error) return;
	drawTokens(answer.estimate);
	cost.draw(answer.estimate);
}
const estimateSoon = later(estimate, 300);

async function submit() {
	const now = Date.now();
	if (now - submitted < 300) return;
	submitted = now;
	for (const part of PARTS) part.settle();
	clearErrors();
	const button = byId('generate');
	const typing = isField(document.activeElement);
	button.setAttribute('aria-busy', 'true');
	const answer = await ask('ui_submit', form.fields(), { quiet: true });
	button.removeAttribute('aria-busy');
	if (answer.error) return showError(answer.error);
	dismiss();
	openSheet(false);
	form.keepNow();
	// Who drew with the keyboard looks at the picture next, and its keys are no letters; "/" leads back.
	if (typing) tabs.act('focus');
	emit('submitted', answer.job);
}

function openSheet(open) {
	byId('composer-form').classList.toggle('open', open);
	byId('more').setAttribute('aria-expanded', String(open));
	write(byId('more'), open ? 'Less' : 'More');
}

function draw() {
	const { values } = form;
	for (const [id, name] of [
		['prompt', 'prompt'],
		['negative-prompt', 'negative'],
	]) {
		const area = byId(id);
		if (area.value !== values[name]) area.value = values[name];
		fit(area);
	}
	const { negative_prompt: known } = form.family();
	byId('negative-toggle').hidden = !known;
	byId('negative-box').hidden = !known || !values.negativeOpen;
	byId('negative-toggle').setAttribute('aria-expanded', String(values.negativeOpen));
	const closed = values.negative ? `negative: ${values.negative}` : '+ negative';
	write(byId('negative-toggle'), values.negativeOpen ? '− negative' : closed);
	byId('negative-toggle').classList.toggle('filled', Boolean(values.negative) && !values.negativeOpen);
	for (const part of PARTS) part.draw();
}

function measure() {
	document.body.style.setProperty('--dock', `${byId('composer').offsetHeight}px`);
}

export function mount() {
	form.attach();
	tabs.offer('generate', { submit, search: () => byId('prompt').focus(), recall: timeline.walk });
	for (const part of PARTS) part.attach();
	timeline.attach();
	draw();
	const { set } = form;
	byId('prompt').addEventListener('input', (event) => {
		set({ prompt: event.target.value });
	});
	byId('negative-prompt').addEventListener('input', (event) => set({ negative: event.target.value }));
	byId('negative-toggle').addEventListener('click', () => {
		const open = !form.values.negativeOpen;
		set({ negativeOpen: open });
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
	on('form', (changes) => {
		for (const name of Object.keys(changes))
			if (long(name) !== doubted) setError(long(name), '');
		draw();
		estimateSoon();
	});
	on('begun', estimateSoon);
	let seen = '';
	on('snapshot', () => {
		const now = `${state.snapshot.engine.state === 'starting'} ${state.snapshot.last && state.snapshot.last.id}`;
		if (now !== seen) estimateSoon();
		seen = now;
	});
}

