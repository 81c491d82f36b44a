// Knows how a part of the page comes to life: its markup, then its script, one part after the other.

let last = Promise.resolve();

/** `name` is a folder and a file in it, as in 'generate/stage'. `gradio` is what the component was given. */
export function mount(name, element, gradio) {
	const markup = fetch(new URL(`../${name}.html`, import.meta.url)).then((answer) => answer.text());
	const script = import(`../${name}.js`);
	last = last
		.then(async () => {
			element.firstElementChild.innerHTML = await markup;
			(await script).mount(element, gradio);
		})
		.catch((error) => console.error(name, error));
}
