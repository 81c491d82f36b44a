// Knows the line that says what a picture will cost, and the lines below it: another size, notes.

import { byId, element } from '../page/dom.js';
import * as form from '../page/form.js';
import { state } from '../page/state.js';
import * as words from '../page/words.js';

// Seconds from which the time is said in the colour of trouble.
const LONG = 300;
// As many times more or fewer pixels than a model was made for, it draws things twice, or a blur.
const FAR = 1.4;

/** The size that the model draws best at, where the chosen one is far from it. */
function better() {
	const { values } = form;
	if (form.shape()) return null;
	const [usual] = form.family().shapes;
	const times = (values.width * values.height) / (usual.width * usual.height);
	return times > FAR || times < 1 / FAR ? usual : null;
}

function offer(shape, name) {
	const size = `${shape.width} × ${shape.height}`;
	return element(
		'p',
		{ class: 'cost-note' },
		`${name} draws best at ${size}. `,
		element(
			'button',
			{
				type: 'button',
				class: 'link',
				onclick: () => form.set({ width: shape.width, height: shape.height }),
			},
			`Use ${size}`,
		),
	);
}

function line({ seconds, bytes, memory, fits }) {
	const strong = (text) => element('strong', {}, text);
	const need = words.gigabytes(bytes);
	const time =
		seconds === null
			? ['How long it takes is known after the first picture with this model. ']
			: ['About ', strong(words.duration(seconds)), fits ? ', ' : '. '];
	return [
		...time,
		...(fits
			? [strong(need), ` of ${words.gigabytes(memory.total)}. Fits.`]
			: ['Needs about ', strong(need), `, but only ${words.gigabytes(memory.free)} is free. Draw smaller.`]),
	];
}

export function draw(estimate) {
	const cost = byId('cost');
	cost.classList.toggle('trouble', !estimate.fits);
	cost.classList.toggle('long', estimate.seconds > LONG);
	const model = state.models.find((one) => one.id === form.values.model);
	const shape = better();
	cost.replaceChildren(
		element('p', {}, ...line(estimate)),
		...(shape ? [offer(shape, model ? model.name : 'This model')] : []),
		...(estimate.notes || []).map((note) => element('p', { class: 'cost-note' }, note)),
	);
}
