// Knows the choices of the composer: how many, how much effort, which shape and seed, sampler and guidance.

import { catalog } from '../page/catalog.js';
import { byId, element, write } from '../page/dom.js';
import * as form from '../page/form.js';
import { popup, radios, walkable } from '../page/layers.js';
import { ASKED, isNumber, short } from '../page/terms.js';
import * as words from '../page/words.js';
import { FIELDS, makeFields, setError } from './fields.js';
import { shownSeed } from './stage.js';

const COUNTS = [1, 2, 4, 8];
// Where the table speaks of two at once, or too shortly for a sentence.
const SAID = { width: 'The width', height: 'The height', guidance_scale: 'The guidance scale' };
const HELD = ['width', 'height', 'steps', 'guidance_scale', 'count'];
const numbers = ASKED.filter(isNumber).map((term) => ({
	id: FIELDS[term.name],
	name: short(term.name),
	field: term.name,
	label: SAID[term.name] || term.subject,
	low: term.low,
	high: term.high,
	step: term.multiple,
	fraction: term.kind === 'number',
	// Nothing typed is the model's own, or chance; others always have a value in the form.
	empty: !HELD.includes(term.name),
	seed: term.name === 'seed',
}));

/** Seeds are whole numbers of up to 20 digits, more than a number of JavaScript holds: then they are text. */
function mendSeed({ label, low, high }, text) {
	const digits = text.replace(/\s/g, '');
	const said = `${label} must be a whole number from ${low} to ${high}`;
	if (!/^-?\d+$/.test(digits)) return { value: null, said: `${said}.` };
	const given = BigInt(digits);
	const held = given < BigInt(low) ? BigInt(low) : given > BigInt(high) ? BigInt(high) : given;
	const value = held <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(held) : String(held);
	return { value, said: held === given ? '' : `${said}; it is ${value} now.` };
}

/** The nearest number that is allowed, and what to say about it when it is another one. */
function mend(rule, text) {
	if (rule.seed) return mendSeed(rule, text);
	const given = Number(text.replace(',', '.').replace(/\s/g, ''));
	const { low, high, step = 1, label } = rule;
	if (text.trim() === '' || !Number.isFinite(given))
		return { value: null, said: `${label} must be a number from ${low} to ${high}.` };
	let value = Math.min(high, Math.max(low, given));
	if (!rule.fraction) value = Math.round(value / step) * step;
	if (value === given) return { value, said: '' };
	const why =
		given < low || given > high
			? `must be from ${low} to ${high}`
			: step > 1
				? `must be a multiple of ${step}`
				: 'must be a whole number';
	return { value, said: `${label} ${why}; it is ${value} now.` };
}

function settleNumber(rule) {
	const input = byId(rule.id);
	const before = form.values[rule.name];
	if (rule.empty && input.value.trim() === '') {
		if (!rule.seed) form.set({ [rule.name]: null });
		else if (form.values.seedMode === 'fixed') form.set({ seedMode: 'random', seed: null });
		return;
	}
	if (input.value === String(before)) return;
	const { value, said } = mend(rule, input.value);
	const kept = value === null ? before : value;
	input.value = kept === null ? '' : String(kept);
	if (kept !== before || rule.seed)
		form.set({
			[rule.name]: kept,
			...(rule.seed ? { seedMode: kept === null ? 'random' : 'fixed' } : {}),
		});
	setError(rule.field, said, value !== null);
	if (said) byId(`error-${rule.field}`).scrollIntoView({ block: 'nearest' });
}

/** Called before a submit: what is being typed counts too. */
export function settle() {
	for (const rule of numbers) if (document.activeElement === byId(rule.id)) settleNumber(rule);
}

function attachNumbers() {
	for (const rule of numbers) {
		const input = byId(rule.id);
		input.addEventListener('change', () => settleNumber(rule));
		input.addEventListener('focus', () => input.select());
		input.addEventListener('input', () => {
			const { value, said } = mend(rule, input.value);
			if (value !== null && !said)
				form.set({ [rule.name]: value, ...(rule.seed ? { seedMode: 'fixed' } : {}) });
		});
		input.addEventListener('keydown', (event) => {
			if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey) {
				event.preventDefault();
				settleNumber(rule);
			}
			const way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
			const { value } = mend(rule, input.value);
			if (!way || value === null) return;
			event.preventDefault();
			input.value = String(rule.fraction ? value + way * 0.5 : BigInt(value) + BigInt(way * rule.step));
			settleNumber(rule);
		});
	}
}

function markRadios(holder, isChosen) {
	const radios = [...holder.querySelectorAll('[role=radio]')];
	const chosen = radios.find(isChosen);
	for (const radio of radios) {
		radio.setAttribute('aria-checked', String(radio === chosen));
		radio.tabIndex = radio === (chosen || radios[0]) ? 0 : -1;
	}
}

function options(select, names, chosen) {
	const known = [...select.options].map((option) => option.value).join('|');
	if (known !== names.join('|'))
		select.replaceChildren(...names.map((name) => element('option', { value: name }, name)));
	if (select.value !== chosen) select.value = chosen;
}

function drawShape({ name, width, height }) {
	const scale = 34 / Math.max(width, height);
	const size = `width:${Math.round(width * scale)}px;height:${Math.round(height * scale)}px`;
	return element(
		'button',
		{
			type: 'button',
			role: 'radio',
			class: 'shape',
			'data-name': name,
			title: `${name}, ${width} × ${height}`,
			'aria-label': `${name}, ${width} by ${height}`,
		},
		element('span', { style: size }),
	);
}

let drawnFor = '';
export function draw() {
	const { values } = form;
	const family = form.family();
	if (drawnFor !== family.name) {
		drawnFor = family.name;
		byId('efforts').replaceChildren(
			...family.efforts.map((e) =>
				element('button', { type: 'button', role: 'radio', 'data-name': e.name }, e.name),
			),
		);
		byId('shapes').replaceChildren(...family.shapes.map(drawShape));
	}
	const effort = form.effort();
	markRadios(byId('efforts'), (radio) => radio.dataset.name === effort);
	write(
		byId('effort-note'),
		`${effort ? '' : 'custom: '}${words.plural(values.steps, 'step')}, ${words.sampler(values)}`,
	);
	markRadios(byId('shapes'), (radio) => radio.dataset.name === form.shape());
	markRadios(byId('seed-modes'), (radio) => radio.dataset.mode === values.seedMode);
	byId('swap').disabled = values.width === values.height;
	options(byId('sampler'), family.samplers, values.sampler);
	options(byId('schedule'), catalog.samplers[values.sampler], values.schedule);
	for (const rule of numbers) {
		const input = byId(rule.id);
		const value = rule.seed && values.seedMode !== 'fixed' ? null : values[rule.name];
		const text = value === null ? '' : String(value);
		if (document.activeElement !== input && input.value !== text) input.value = text;
	}
	if (byId('sampler-fold').open !== values.foldOpen) byId('sampler-fold').open = values.foldOpen;
}

export function attach() {
	makeFields();
	attachNumbers();
	radios(byId('efforts'), (radio) => {
		const { steps, sampler, schedule } = form.family().efforts.find((e) => e.name === radio.dataset.name);
		form.set({ steps, sampler, schedule });
	});
	radios(byId('shapes'), (radio) => {
		const { width, height } = form.family().shapes.find((s) => s.name === radio.dataset.name);
		form.set({ width, height });
	});
	radios(byId('seed-modes'), (radio) => {
		if (radio.dataset.mode === 'random') return form.set({ seedMode: 'random' });
		const seed = shownSeed() ?? form.values.seed;
		if (seed === null) byId('seed').focus();
		else form.set({ seedMode: 'fixed', seed });
	});
	byId('swap').addEventListener('click', () =>
		form.set({ width: form.values.height, height: form.values.width }),
	);
	byId('sampler').addEventListener('change', (event) => form.set({ sampler: event.target.value }));
	byId('schedule').addEventListener('change', (event) => form.set({ schedule: event.target.value }));
	const fold = byId('sampler-fold');
	fold.addEventListener('toggle', () => {
		if (fold.open !== form.values.foldOpen) form.set({ foldOpen: fold.open });
	});
	byId('effort-note').addEventListener('click', () => {
		fold.open = true;
		byId('steps').focus();
	});
	const menu = popup(byId('count-button'), byId('count-menu'), {
		opened: () => byId('count-menu').firstElementChild.focus(),
	});
	for (const count of COUNTS) {
		byId('count-menu').append(
			element(
				'button',
				{
					type: 'button',
					class: 'menu-item',
					onclick: () => {
						form.set({ count });
						byId('count').value = String(count);
						menu.hide();
					},
				},
				words.plural(count, 'picture'),
			),
		);
	}
	byId('count-menu').append(
		element(
			'button',
			{
				type: 'button',
				class: 'menu-item',
				onclick: () => {
					menu.hide(false);
					byId('count').focus();
				},
			},
			'Another number',
		),
	);
	walkable(byId('count-menu'), 'button');
}

