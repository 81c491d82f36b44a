// Knows the settings of a picture, each from its row in the one table of them.

import { catalog } from './catalog.js';

// How the form calls them for short; it is kept under these names.
const SHORT = { negative_prompt: 'negative', guidance_scale: 'guidance' };
const LONG = Object.fromEntries(Object.entries(SHORT).map(([name, short]) => [short, name]));

export const short = (name) => SHORT[name] || name;
export const long = (name) => LONG[name] || name;

/** Those that are shown at a door: in 'details', in the own 'defaults' of a model. */
export const shownIn = (door) => catalog.terms.filter((term) => term.doors.includes(door));

export const isNumber = (term) => ['whole', 'number'].includes(term.kind);

/** Those that the form of Generate asks for, besides the model. */
export const ASKED = catalog.terms.filter(
	(term) => term.doors.includes('defaults') || ['prompt', 'seed', 'count'].includes(term.name),
);
