// Knows what an empty stage shows: what the sample model draws, and a larger model that suits this machine.

import * as arrivals from '../page/arrivals.js';
import { emit, on } from '../page/bus.js';
import { catalog } from '../page/catalog.js';
import { byId, element, write } from '../page/dom.js';
import * as form from '../page/form.js';
import { state } from '../page/state.js';
import * as suggestions from '../page/suggestions.js';
import * as tabs from '../page/tabs.js';
import { may } from '../page/visitor.js';
import * as words from '../page/words.js';

const SAMPLE =
	'Sketchbook, a small sample model, comes with LocalAI. It makes simple drawings; for photographs and paintings, get a larger model.';
const LOOKING = 'Looking for a model that suits this machine.';
let asked = false;
let chosen = false;
// What is offered: a recommendation, and the parts of its card that change.
let card = null;

/** Whether there is nothing to draw with but the model that comes with the app. */
export const bare = () => state.models.length > 0 && state.models.every((model) => model.builtin);

function example({ name, prompt }) {
	const picture = new URL(`./${name}.webp`, import.meta.url).href;
	return element(
		'button',
		{
			type: 'button',
			class: 'example',
			title: 'Draw this',
			onclick: () => {
				form.set({ prompt });
				tabs.act('submit');
			},
		},
		element('img', { src: picture, alt: '', width: 128, height: 128, draggable: 'false' }),
		element('span', {}, prompt),
	);
}

/** "2.7 GB · about 45 seconds a picture here", and below it the licence. */
function facts(one) {
	const time = one.seconds ? ` · about ${words.duration(one.seconds)} a picture here` : '';
	const licence = `${suggestions.licence(one)}${one.commercial ? '' : ', not for commercial use'}`;
	return `${words.gigabytes(one.bytes)}${time}\nLicence: ${licence}`;
}

function makeCard(one) {
	const line = element('p', { class: 'offer-line' });
	const meter = element('span', { class: 'row-meter', hidden: true }, element('span'));
	const get = element('button', { type: 'button', class: 'button main' });
	const cancel = element('button', { type: 'button', class: 'button', 'data-asks': 'ui_download_change' }, 'Cancel');
	get.addEventListener('click', () =>
		arrivals.start({ source: one.repo, variant: one.variant, then_load: true }),
	);
	cancel.addEventListener('click', () => {
		const under = arrivals.of(one.repo);
		if (under) arrivals.change(under.id, 'cancel');
	});
	byId('offer').replaceChildren(
		element(
			'div',
			{ class: 'offer-text' },
			element('strong', {}, one.name),
			element('p', { class: 'muted' }, one.why),
			line,
		),
		element(
			'div',
			{ class: 'offer-buttons' },
			get,
			cancel,
			element(
				'button',
				{ type: 'button', class: 'link', onclick: () => tabs.show('downloads') },
				'Other models',
			),
		),
		meter,
	);
	card = { one, line, meter, get, cancel };
}

function drawCard() {
	const { one, line, meter, get, cancel } = card;
	const under = arrivals.of(one.repo);
	const busy = Boolean(under && arrivals.pending(under));
	const loading = under ? arrivals.loading(under) : '';
	const failed = Boolean(under && under.state === 'failed');
	write(line, loading || (busy || failed ? arrivals.doing(under) : facts(one)));
	line.classList.toggle('trouble', failed);
	get.hidden = busy || Boolean(loading);
	write(get, failed ? 'Try again' : 'Download and use');
	cancel.hidden = !busy;
	const part = under && (busy || loading) ? arrivals.fraction(under) : null;
	meter.hidden = part === null;
	meter.firstElementChild.style.transform = `scaleX(${part || 0})`;
}

/** Whether it is known how fast this machine is, or never will be. */
const measured = () =>
	Boolean(state.snapshot) && (state.snapshot.engine.speed > 0 || state.snapshot.engine.state !== 'starting');

const due = () => bare() && may('ui_downloads_begin');

/** The first of those that suit this machine which is a click away. What is being read stays the same model. */
async function choose() {
	asked = true;
	const suited = (await suggestions.recommended()).filter(
		(each) => each.drawable && !each.gated && ['fits', 'offload'].includes(each.fit),
	);
	chosen = true;
	const same = card && suited.find((each) => each.repo === card.one.repo && each.variant === card.one.variant);
	const under = card && arrivals.of(card.one.repo);
	if (same) card.one = same;
	else if (suited.length && !(under && arrivals.pending(under))) makeCard(suited[0]);
	emit('offered');
}

export function draw() {
	const model = state.models.find((each) => each.id === form.values.model);
	const sample = !model || model.builtin;
	write(byId('welcome-text'), sample ? SAMPLE : `${model.name} is ready to draw.`);
	const examples = byId('examples');
	examples.hidden = !sample;
	if (sample && !examples.childElementCount) examples.append(...catalog.examples.map(example));
	if (!asked && due() && measured()) choose();
	const looking = !chosen && due();
	byId('offer').hidden = !sample || !(card || looking);
	if (card) drawCard();
	else if (!byId('offer').childElementCount) byId('offer').append(element('p', { class: 'muted' }, LOOKING));
}

/** `changed` draws the stage again. */
export function attach(changed) {
	for (const name of ['offered', 'standing', 'form']) on(name, () => !byId('welcome').hidden && changed());
	on('snapshot', () => !asked && measured() && !byId('welcome').hidden && changed());
	// As when it is known how long a picture takes here.
	on('suited', () => card && choose());
	byId('larger').addEventListener('click', () => tabs.show('downloads'));
}
