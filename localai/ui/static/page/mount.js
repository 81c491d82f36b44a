// Knows how a part of the page comes to life: its markup, then its script, one part after the other.

import { settle } from './bus.js';
import { markup } from './markup.js';

let last = Promise.resolve();
const parts = new Map();

function part(name) {
	if (!parts.has(name)) {
		const made = {};
		made.promise = new Promise((done) => (made.done = done));
		parts.set(name, made);
	}
	return parts.get(name);
}

/** Waits until a part is there. */
export const there = (name) => part(name).promise;

/** `name` is a folder and a file in it, as in 'generate/stage'. `gradio` is what the component was given. */
export function mount(name, element, gradio) {
	const script = import(`../${name}.js`);
	last = last
		.then(async () => {
			element.firstElementChild.innerHTML = markup[name];
			(await script).mount(element, gradio);
			part(name).done();
		})
		.catch((error) => {
			console.error(name, error);
			settle('unloaded', name);
		});
}
