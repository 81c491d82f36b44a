// Knows the downloads as everybody sees them: what each is doing, what began here, and how it ended.

import { emit, on } from './bus.js';
import * as form from './form.js';
import * as library from './library.js';
import { notify } from './notice.js';
import { ask } from './server.js';
import { state } from './state.js';
import * as tabs from './tabs.js';
import * as words from './words.js';

// What this page asked to be loaded when it is here.
const wanted = new Set();

export const all = () => (state.snapshot ? state.snapshot.downloads : []);
export const change = (id, verb, more = {}) => ask('ui_download_change', { id, verb, ...more });

/** What a download is doing, in one line. */
export function doing(one) {
	const share = words.share(one.done, one.bytes);
	// It waits, mostly for the network, and goes on by itself.
	if (one.error && ['queued', 'running'].includes(one.state) && !one.speed)
		return `${one.error.message} ${one.error.remedy}`.trim();
	const here = one.reused ? `, ${words.gigabytes(one.reused)} of it already here` : '';
	if (one.state === 'running') {
		const speed = one.speed ? ` · ${words.speed(one.speed)}` : '';
		const left = one.eta === null ? '' : ` · ${words.seconds(one.eta)} left`;
		return one.bytes ? `${share}${speed}${left}` : `Asking how large it is${speed}`;
	}
	if (one.state === 'checking') return `Checking ${words.gigabytes(one.bytes)}`;
	if (one.state === 'paused') return `Paused at ${share}`;
	if (one.state === 'finished') return `Finished, ${words.gigabytes(one.bytes)}${here}`;
	if (one.state === 'cancelled') return 'Cancelled';
	if (one.state === 'failed')
		return one.error ? `${one.error.message} ${one.error.remedy}`.trim() : 'It could not be downloaded.';
	return one.done ? `Waiting at ${share}` : `Waiting${one.bytes ? `, ${words.gigabytes(one.bytes)}` : ''}`;
}

/** A repository by its whole name, a file of a link by its own. */
export const title = (one) => (one.request.source.includes('://') ? one.name : one.request.source);

/** The download of a repository, one under way before one that ended. */
export function of(repo) {
	const its = all().filter((one) => one.request.source === repo);
	return its.find(pending) || its[0];
}

export function loading(one) {
	return one.state === 'finished' && one.model ? library.doing(one.model) : '';
}

export function fraction(one) {
	if (loading(one)) return library.fraction(one.model);
	if (!['running', 'paused', 'queued', 'checking'].includes(one.state)) return null;
	return one.bytes ? one.done / one.bytes : 0;
}

export async function load(one) {
	const known = state.models.find((model) => model.id === one.model);
	if (known) return library.use(known);
	const answer = await ask('ui_model_card', { model: one.model });
	if (answer.error) return;
	if (answer.card.drawable) library.use(answer.card);
	else show(one);
}

export async function show(one) {
	await tabs.show('models');
	emit('card', { id: one.model });
}

export const pending = (one) => ['queued', 'running', 'paused', 'checking'].includes(one.state);

/** Answers whether it is on its way now. */
export async function start(fields) {
	const answer = await ask('ui_download_start', fields);
	if (answer.error) return false;
	if (fields.then_load) wanted.add(answer.download.id);
	return true;
}

/** Chooses for Generate what this page wanted to draw with. */
async function choose(one) {
	if (!wanted.delete(one.id) || !one.model) return;
	const answer = await ask('ui_models', {}, { quiet: true });
	if (answer.error) return;
	state.models = answer.models;
	if (state.models.some((model) => model.id === one.model && !model.problem)) form.setModel(one.model);
}

const seen = new Set();

/** Says once how a download ended that was seen under way, where its row cannot be seen. */
function tell() {
	for (const one of all()) {
		if (one.state === 'finished') choose(one);
		if (pending(one)) seen.add(one.id);
		else if (seen.delete(one.id) && tabs.open() !== 'downloads') {
			if (one.state === 'finished')
				notify({
					message: `${title(one)} is here.`,
					button: one.model && !one.request.then_load ? { label: 'Load', run: () => load(one) } : null,
				});
			if (one.state === 'failed')
				notify({ kind: 'error', message: `${title(one)}: ${one.error.message}`, remedy: one.error.remedy });
		}
	}
}

on('standing', tell);
