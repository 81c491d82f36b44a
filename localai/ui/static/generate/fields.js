// Knows where the fields of a request are on the page, and the line below each that says what is wrong with it.

import { byId, element } from '../page/dom.js';
import { ASKED, isNumber, short } from '../page/terms.js';

/** The id of the field of a setting. */
export const FIELDS = Object.fromEntries(
	ASKED.map((term) => [
		term.name,
		term.name === 'negative_prompt' ? 'negative-prompt' : short(term.name).toLowerCase().replaceAll(' ', '-'),
	]),
);

/** A number that the page has no place of its own for is asked for below the others. */
export function makeFields() {
	for (const term of ASKED.filter(isNumber)) {
		const id = FIELDS[term.name];
		if (byId(id)) continue;
		byId('sampler-fold')
			.querySelector('.fold-grid')
			.append(
				element('label', { for: id }, term.label),
				element('input', {
					id,
					type: 'text',
					inputmode: term.kind === 'number' ? 'decimal' : 'numeric',
					maxlength: 12,
					placeholder: 'usual',
					'aria-describedby': `error-${term.name}`,
				}),
				element('p', { class: 'field-error', id: `error-${term.name}`, role: 'alert', hidden: true }),
			);
	}
}

/** The setting that a field of a request belongs to: what is wrong within a noun is told below all of it. */
export const settingOf = (field) => (field || '').split('.')[0];

/** `mended`: the field holds a right value again, and the line says what became of the wrong one. */
export function setError(setting, text, mended = false) {
	const line = byId(`error-${setting}`);
	const input = byId(FIELDS[setting]);
	if (!line || !input) return false;
	line.textContent = text;
	line.hidden = !text;
	line.classList.toggle('mended', mended);
	if (text && !mended) input.setAttribute('aria-invalid', 'true');
	else input.removeAttribute('aria-invalid');
	return true;
}

export function clearErrors() {
	for (const field of Object.keys(FIELDS)) setError(field, '');
}
