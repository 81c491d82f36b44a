// Knows how a job is drawn again, stopped, and gone on with.

import { emit } from './bus.js';
import { notify } from './notice.js';
import { ask } from './server.js';
import { state } from './state.js';
import * as words from './words.js';

export async function redo(job, changes = {}) {
	const answer = await ask('ui_submit', { ...job.request, ...changes });
	if (!answer.error) emit('submitted', answer.job);
}

/** Draws what is still missing, with the seeds that it would have had. */
export function goOn(job) {
	const from = Math.max(job.picture, ...job.pictures.map((picture) => picture.index + 1));
	const left = job.seeds.slice(from);
	return redo(job, left.length ? { count: left.length, seed: left[0] } : {});
}

export const stopped = (job) => `Stopped “${words.short(job.request.prompt)}”.`;

/** `mode` is 'stop', 'keep' or 'skip'. Says what was stopped where the stage does not, since it shows the
 * next job or another one. */
export async function stop(job, mode = 'stop') {
	const answer = await ask('ui_stop', { job: job.id, mode });
	if (answer.error || mode === 'skip' || !state.snapshot.queue.some((one) => one.id !== job.id)) return;
	const now = () => [state.snapshot.last, answer.job].find((one) => one && one.id === job.id);
	notify({ message: stopped(job), button: { label: 'Continue', run: () => goOn(now()) } });
}
