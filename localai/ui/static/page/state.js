// Knows what the page knows: the latest snapshot of the server, the models, the pictures of Generate.

import { emit } from './bus.js';

// `own` names the jobs that this visitor may stop.
export const state = { snapshot: null, own: [], models: [], pictures: [], begun: false };
// Pictures that were deleted while this page was open, so that no late word brings them back.
const lost = new Map();

/** Adds pictures that were not known, newest first; returns the new ones. */
export function learn(pictures) {
	const known = new Set(state.pictures.map((picture) => picture.id));
	const fresh = pictures.filter((picture) => !known.has(picture.id) && !lost.has(picture.id));
	if (fresh.length) {
		state.pictures = [...state.pictures, ...fresh].sort((a, b) => b.id - a.id);
		emit('pictures', fresh);
	}
	return fresh;
}

/** Pictures that are no longer there. */
export function lose(ids) {
	const gone = new Set(ids);
	for (const id of gone) lost.set(id, state.pictures.find((picture) => picture.id === id) || null);
	state.pictures = state.pictures.filter((picture) => !gone.has(picture.id));
	emit('pictures', []);
}

/** Pictures that are there again. */
export function regain(ids) {
	const back = ids.map((id) => lost.get(id)).filter(Boolean);
	for (const id of ids) lost.delete(id);
	learn(back);
}

export const isOwn = (job) => state.own.includes(job.id);

/** The job that is being worked on, or else the first that waits. */
export function currentJob() {
	const queue = state.snapshot ? state.snapshot.queue : [];
	return queue.find((job) => job.state === 'running' || job.state === 'loading') || queue[0] || null;
}
