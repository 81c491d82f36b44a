// Knows the settings of a picture, each from its row in the one table of them.

import { catalog } from './catalog.js';

// How the form calls them for short; it is kept under these names.
const SHORT = Object.fromEntries(catalog.terms.map(({ name, word }) => [name, word]));
const LONG = Object.fromEntries(catalog.terms.map(({ name, word }) => [word, name]));

export const short = (name) => SHORT[name] || name;
export const long = (name) => LONG[name] || name;

/** Those that are shown at a door: in 'details', in the own 'defaults' of a model. */
export const shownIn = (door) => catalog.terms.filter((term) => term.doors.includes(door));

export const isNumber = (term) => ['whole', 'number'].includes(term.kind);

/** Those that the form of Generate asks for; it carries a noun as it is, whatever is in it. */
export const ASKED = catalog.terms.filter((term) => term.asked);

/** A value as people read it; a noun, or what a later version wrote, is told name by name. */
export function said(value) {
	if (value === null || value === undefined) return '';
	if (typeof value === 'boolean') return value ? 'yes' : 'no';
	if (Array.isArray(value)) return value.map(said).filter(Boolean).join(', ');
	if (typeof value !== 'object') return String(value);
	const parts = Object.entries(value).map(([name, one]) => [name.replaceAll('_', ' '), said(one)]);
	return parts.filter(([, one]) => one).map((pair) => pair.join(' ')).join(', ');
}
