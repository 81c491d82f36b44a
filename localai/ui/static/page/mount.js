// Knows how a part of the page comes to life: its markup, then its script, one part after the other.

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
	const files = Promise.all([import(`../${name}.html.js`), import(`../${name}.js`)]);
	last = last
		.then(async () => {
			const [{ markup }, script] = await files;
			element.firstElementChild.innerHTML = markup;
			script.mount(element, gradio);
			part(name).done();
		})
		.catch((error) => console.error(name, error));
}
