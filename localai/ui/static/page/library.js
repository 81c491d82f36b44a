// Knows what can be done with a model, and where each stands: in memory, on its way there, or on the disk.

import { emit, on } from './bus.js';
import { catalog } from './catalog.js';
import * as form from './form.js';
import { notify } from './notice.js';
import { ask } from './server.js';
import { state } from './state.js';
import * as tabs from './tabs.js';
import { may } from './visitor.js';
import * as words from './words.js';

export const KINDS = {
	checkpoint: ['Checkpoint', 'Checkpoints'],
	lora: ['LoRA', 'LoRAs'],
	embedding: ['Embedding', 'Embeddings'],
	vae: ['VAE', 'VAEs'],
	controlnet: ['ControlNet', 'ControlNets'],
	upscaler: ['Upscaler', 'Upscalers'],
	unknown: ['Unknown', 'Unknown'],
};
// The model that was asked for, what the engine said then, and whether it began.
let asked = '';
let said = '';
let begun = false;

export const engine = () => (state.snapshot ? state.snapshot.engine : { held: [], loading: '', message: '' });
export const kind = (entry, many = false) => (KINDS[entry.kind] || KINDS.unknown)[many ? 1 : 0];
export const family = (entry) => catalog.architectures[entry.family] || '';
const held = (id) => engine().held.some((one) => one.id === id);

/** 'loading', 'asked', 'held' or ''. */
export function standing(id) {
	if (engine().loading === id) return 'loading';
	if (asked === id) return 'asked';
	return held(id) ? 'held' : '';
}

/** Family, kind, precision and size in one line. */
export function line(entry) {
	const plain = entry.kind === 'checkpoint';
	return [
		[entry.family === 'unknown' && !plain ? '' : family(entry), plain ? '' : kind(entry), entry.variant]
			.filter(Boolean)
			.join(' '),
		words.gigabytes(entry.bytes),
		entry.precision,
		entry.builtin ? 'built in' : '',
	]
		.filter(Boolean)
		.join(', ');
}

/** What the row says while its model is on its way, '' else. */
export function doing(id) {
	const now = standing(id);
	if (now === 'asked') return 'Next in line for the engine';
	return now === 'loading' ? words.loading(engine()) : '';
}

/** From 0 to 1 while it loads, null else. */
export function fraction(id) {
	if (standing(id) !== 'loading') return standing(id) === 'asked' ? 0 : null;
	const { stage_done: done, stage_total: total } = engine();
	return total ? done / total : 0;
}

/** The one thing that most people want of this model now: {label, run, busy}. */
export function action(entry) {
	const now = standing(entry.id);
	if ((now === 'loading' || now === 'asked') && may('ui_load_cancel'))
		return { label: 'Cancel', run: cancel };
	const chosen = now === 'held' && form.values.model === entry.id;
	if (entry.drawable && chosen && may('ui_model_unload'))
		return { label: 'Unload', run: () => unload(entry.id) };
	if (entry.drawable) return { label: 'Use', run: () => use(entry) };
	if (entry.format === 'pickle' && may('ui_model_convert'))
		return { label: 'Convert', run: () => convert(entry) };
	return { label: 'Details', run: () => emit('card', { id: entry.id, byHand: true }), quiet: true };
}

async function start(entry, name) {
	asked = entry.id;
	begun = false;
	said = engine().message;
	emit('standing');
	const answer = await ask(name, { model: entry.id });
	if (!answer.error) return;
	asked = '';
	emit('standing');
}

/** Chooses a model for Generate and brings it into memory. */
export function use(entry) {
	if (!state.models.some((one) => one.id === entry.id)) state.models.push(entry);
	form.setModel(entry.id);
	// Who may not load it draws with it, which loads it too.
	return may('ui_model_load') ? start(entry, 'ui_model_load') : null;
}

export const convert = (entry) => start(entry, 'ui_model_convert');

export async function cancel() {
	asked = '';
	emit('standing');
	await ask('ui_load_cancel', {});
}

export const unload = (id = '') => ask('ui_model_unload', { model: id });

/** Into the trash, with Undo in place; what cannot come back is asked about where it lies. */
export async function remove(entry) {
	const answer = await ask('ui_model_delete', { model: entry.id }, { quiet: true });
	if (answer.error) {
		const free = answer.error.code === 'ModelInUse' && standing(entry.id) === 'held';
		notify({
			kind: 'error',
			...answer.error,
			button: free ? { label: 'Unload it', run: () => unload(entry.id) } : null,
		});
		return false;
	}
	const { trashed } = answer;
	const size = words.gigabytes(trashed.bytes);
	notify(
		trashed.final
			? { message: `${trashed.name} is deleted.`, remedy: `${size} freed.` }
			: {
					message: `${trashed.name} is in the trash.`,
					reverse: () => restore(trashed.id),
				},
	);
	emit('library');
	return true;
}

export async function restore(id) {
	const answer = await ask('ui_trash_restore', { id });
	if (answer.error) return;
	notify({ message: `${answer.card.name} is back.` });
	emit('library');
	emit('restored', answer.card);
}

/** What became of the model that was asked for. */
function watch() {
	if (!asked) return;
	const now = engine();
	if (!now.message) said = '';
	if (now.loading === asked) {
		begun = true;
		return;
	}
	const there = held(asked) && now.model === asked;
	const failed = now.message && now.message !== said;
	if (!begun && !there && !failed) return;
	const entry = state.models.find((one) => one.id === asked);
	asked = '';
	if (failed) notify({ kind: 'error', message: now.message });
	else if (there && entry && tabs.open() === 'models')
		notify({
			message: `${entry.name} is in memory.`,
			button: { label: 'Draw with it', run: () => tabs.show('generate') },
		});
}

let library = -1;
on('snapshot', () => {
	watch();
	if (state.snapshot.library !== library && library !== -1) emit('library');
	library = state.snapshot.library;
	emit('standing');
});

