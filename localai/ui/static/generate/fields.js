// Knows where the fields of a request are on the page, and the line below each that says what is wrong with it.

import { byId } from '../page/dom.js';

export const FIELDS = {
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

export function setError(field, text) {
	const line = byId(`error-${field}`);
	const input = byId(FIELDS[field]);
	if (!line || !input) return false;
	line.textContent = text;
	line.hidden = !text;
	if (text) input.setAttribute('aria-invalid', 'true');
	else input.removeAttribute('aria-invalid');
	return true;
}

export function clearErrors() {
	for (const field of Object.keys(FIELDS)) setError(field, '');
}
