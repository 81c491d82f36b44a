// Knows the words of a search: where each begins and ends, which are `key:value`, how one is put in or taken out.

import { catalog } from '../page/catalog.js';

const KEYS = new Map(catalog.keys.map((key) => [key.name, key]));
const TYPED = new Map(catalog.keys.flatMap((key) => [key.name, ...key.also].map((typed) => [typed, key.name])));
const PERIODS = catalog.keys.filter((key) => key.kind === 'period').map((key) => key.name);

/** The keys that begin like this. */
export const keys = (begun) => [...KEYS.keys()].filter((name) => name.startsWith(begun));

/** [{start, end, raw, minus, key, value}]; `key` is '' for plain words. */
export function tokens(text) {
	const found = [];
	const pattern = /(-?)(?:([a-z]+):)?("[^"]*"?|[^\s"]+)?/giy;
	let at = 0;
	while (at < text.length) {
		if (/\s/.test(text[at])) {
			at++;
			continue;
		}
		pattern.lastIndex = at;
		const [raw, minus, name = '', value = ''] = pattern.exec(text);
		const end = at + Math.max(1, raw.length);
		const key = TYPED.get(name.toLowerCase()) || '';
		found.push({
			start: at,
			end,
			raw: text.slice(at, end),
			minus: Boolean(minus),
			key,
			value: key ? value.replace(/^"|"$/g, '') : '',
		});
		at = end;
	}
	return found;
}

/** A value as it is typed: in quotes where it has blanks. */
export const quote = (value) => (/\s/.test(value) ? `"${value.replaceAll('"', '')}"` : value.replaceAll('"', ''));

const same = (one, key, value) =>
	one.key === key && !one.minus && one.value.toLowerCase() === value.replaceAll('"', '').toLowerCase();

export const has = (text, key, value) => tokens(text).some((one) => same(one, key, value));

const without = (text, unwanted) => {
	let left = text;
	for (const one of tokens(text).reverse())
		if (unwanted(one)) left = left.slice(0, one.start) + left.slice(one.end);
	return left.replace(/\s+/g, ' ').trim();
};

/** Puts `key:value` before the words, of which the last may still be being typed; what it stands in for goes. */
export function put(text, key, value) {
	const replaced = PERIODS.includes(key) ? PERIODS : KEYS.get(key).single ? [key] : [];
	const left = without(text, (one) => (replaced.includes(one.key) && !one.minus) || same(one, key, value));
	const put = `${key}:${quote(value)}`;
	const words = tokens(left).find((one) => !one.key);
	if (!words) return `${left} ${put}`.trim();
	return `${left.slice(0, words.start)}${put} ${left.slice(words.start)}`;
}

const begun = (one) => one.key && !one.value;

export const drop = (text, key, value) => without(text, (one) => same(one, key, value));

/** Without a key whose value is still to be typed. */
export const settled = (text) => (tokens(text).some(begun) ? without(text, begun) : text);

/** Without the token that begins at `start`. */
export const dropAt = (text, start) => without(text, (one) => one.start === start);
