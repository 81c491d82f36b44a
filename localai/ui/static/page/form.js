// Knows the settings of the composer: their values, how they are kept, and the request they make.

import { emit, on } from './bus.js';
import { catalog } from './catalog.js';
import { later } from './dom.js';
import { ask } from './server.js';
import { state } from './state.js';
import { ASKED, short } from './terms.js';
import { may } from './visitor.js';
import * as words from './words.js';

const KEY = 'localai:form:1';
export const values = {
	...Object.fromEntries(ASKED.map((term) => [short(term.name), null])),
	prompt: '',
	negative: '',
	model: 'sketchbook',
	count: 1,
	// 'random', or 'fixed' with a seed.
	seedMode: 'random',
	negativeOpen: false,
	foldOpen: false,
	savedAt: 0,
};
// What of a picture is taken in a way of its own, or not at all.
const APART = ['prompt', 'negative_prompt', 'model', 'seed', 'count'];
let touched = false;
let attached = false;

export function family() {
	const entry = state.models.find((model) => model.id === values.model);
	const families = catalog.families;
	return families[entry && entry.family] || families[values.family] || families.sketchbook;
}

/** The name of the effort that the three values make, or '' when they were chosen by hand. */
export function effort() {
	const found = family().efforts.find(
		(e) => e.steps === values.steps && e.sampler === values.sampler && e.schedule === values.schedule,
	);
	return found ? found.name : '';
}

export function shape() {
	const found = family().shapes.find((s) => s.width === values.width && s.height === values.height);
	return found ? found.name : '';
}

/** Fills what is still open with the defaults of the family. */
function complete() {
	const known = family();
	const usual = known.efforts.find((e) => e.name === known.effort);
	const filled = {
		steps: usual.steps,
		sampler: usual.sampler,
		schedule: usual.schedule,
		guidance: known.guidance_scale,
		width: known.shapes[0].width,
		height: known.shapes[0].height,
	};
	for (const [name, value] of Object.entries(filled))
		if (values[name] === null || values[name] === undefined) values[name] = value;
	if (!known.samplers.includes(values.sampler)) values.sampler = usual.sampler;
	const schedules = catalog.samplers[values.sampler];
	if (!(schedules || []).includes(values.schedule)) values.schedule = 'Automatic';
	values.family = known.name;
}

/** For this tab of the browser, and as what another one begins with. */
function keepHere() {
	for (const place of [sessionStorage, localStorage])
		try {
			place.setItem(KEY, JSON.stringify(values));
		} catch {
			/* a private window may have no room; the server keeps it too */
		}
}

function kept(place) {
	try {
		return JSON.parse(place.getItem(KEY));
	} catch {
		return null; // unreadable: the defaults are fine
	}
}

export const keepNow = () =>
	may('ui_remember') && ask('ui_remember', { ...values }, { quiet: true });
const keepThere = later(keepNow, 1500);

export function set(changes) {
	touched = true;
	Object.assign(values, changes);
	complete();
	values.savedAt = Date.now();
	keepHere();
	keepThere();
	emit('form', changes);
}

/** Another model: effort and shape go by their names, where its family has them. */
export function setModel(id) {
	const before = { effort: effort(), shape: shape(), family: values.family };
	values.model = id;
	const known = family();
	const changes = { model: id };
	if (known.name !== before.family) {
		const e =
			known.efforts.find((one) => one.name === before.effort) ||
			known.efforts.find((one) => one.name === known.effort);
		const s = known.shapes.find((one) => one.name === before.shape) || known.shapes[0];
		Object.assign(changes, {
			steps: e.steps,
			sampler: e.sampler,
			schedule: e.schedule,
			guidance: known.guidance_scale,
			width: s.width,
			height: s.height,
		});
	}
	set({ ...changes, ...own(id) });
}

/** What a person wants filled in whenever this model is chosen. */
function own(id) {
	const entry = state.models.find((model) => model.id === id);
	const wanted = {};
	for (const [name, value] of Object.entries((entry && entry.defaults) || {}))
		if (value !== null)
			wanted[short(name)] = value;
	return wanted.negative ? { ...wanted, negativeOpen: true } : wanted;
}

/** Takes the settings of a picture or job; what it does not know stays, and the seed is a choice of its own.
 * A noun that it does not speak of was not drawn with. */
export function use(request) {
	const taken = ASKED.filter((term) => !APART.includes(term.name));
	const given = taken.map(({ name, kind }) => [name, kind, request[name] ?? null]);
	const known = given.filter(([, kind, value]) => kind === 'noun' || value !== null);
	set({
		prompt: request.prompt,
		negative: request.negative_prompt,
		negativeOpen: Boolean(request.negative_prompt),
		...Object.fromEntries(known.map(([name, , value]) => [short(name), value])),
		...(state.models.some((m) => m.id === request.model && !m.problem)
			? { model: request.model }
			: {}),
	});
}

export function fields() {
	const seed = values.seedMode === 'fixed' ? values.seed : null;
	const asked = ASKED.filter((term) => term.name !== 'seed').map((term) => [term.name, values[short(term.name)]]);
	const given = [...asked, ['seed', seed]].filter(([, value]) => value !== null && value !== undefined);
	return Object.fromEntries(given);
}

function take(saved) {
	for (const name of Object.keys(values))
		if (saved && saved[name] !== undefined) values[name] = saved[name];
	if (saved && saved.family) values.family = saved.family;
	if (values.seedMode !== 'fixed' || words.seed(values.seed) === '') values.seedMode = 'random';
}

/** What this tab kept is there at once, else what this browser kept; what the server kept wins over the
 * latter when it is newer and nothing was typed. */
export function attach() {
	if (attached) return;
	attached = true;
	const own = kept(sessionStorage);
	take(own || kept(localStorage));
	complete();
	on('begun', ({ form }) => {
		if (form && !own && !touched && (form.savedAt || 0) > values.savedAt) take(form);
		const entry = state.models.find((model) => model.id === values.model);
		const usable = state.models.find((model) => !model.problem);
		if ((!entry || entry.problem) && usable && values.model !== usable.id) return setModel(usable.id);
		complete();
		emit('form', {});
	});
}
