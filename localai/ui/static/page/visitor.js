// Knows what this visitor may ask of the server, and hides what would ask for more.

import { catalog } from './catalog.js';

let role = 'owner';

/** Whether a function of the server answers who looks at this page. */
export const may = (name) => !catalog.doors[name] || catalog.doors[name].includes(role);

/** From now on whatever names a closed function in `data-asks` is not shown, also what is drawn later. */
export function admit(visitor) {
	role = visitor;
	const closed = Object.keys(catalog.doors).filter((name) => !may(name));
	if (!closed.length) return;
	const style = document.createElement('style');
	const marked = closed.map((name) => `[data-asks='${name}']`);
	style.textContent = `${marked.join(', ')} { display: none !important }`;
	document.head.append(style);
}
