// Knows how numbers, places and states are said.

import { catalog } from './catalog.js';

const ORDINALS = [
	'next',
	'second',
	'third',
	'fourth',
	'fifth',
	'sixth',
	'seventh',
	'eighth',
	'ninth',
	'tenth',
];
/** "2 s", "3 min", "1.5 h" */
export function seconds(value) {
	if (value < 1) return 'under 1 s';
	if (value < 90) return `${Math.round(value)} s`;
	if (value < 5400) return `${Math.round(value / 60)} min`;
	return `${(value / 3600).toFixed(1)} h`;
}

/** "6 seconds", "3 minutes" */
export function duration(value) {
	if (value < 90) return plural(Math.max(1, Math.round(value)), 'second');
	if (value < 5400) return plural(Math.round(value / 60), 'minute');
	return `${(value / 3600).toFixed(1)} hours`;
}

/** "1.4 s" */
export const took = (value) => (value < 10 ? `${value.toFixed(1)} s` : seconds(value));

export function gigabytes(bytes) {
	const value = bytes / 1e9;
	if (bytes < 1e6) return 'under 1 MB';
	if (value < 0.05) return `${Math.round(bytes / 1e6)} MB`;
	return value < 10 ? `${value.toFixed(1)} GB` : `${Math.round(value)} GB`;
}

/** "184 kB", "2.4 MB", "1.2 GB": of pictures, which are small. */
export function size(bytes) {
	if (bytes < 1e6) return `${Math.ceil(bytes / 1e3)} kB`;
	return bytes < 1e7 ? `${(bytes / 1e6).toFixed(1)} MB` : gigabytes(bytes);
}

/** "1.2 of 1.7 GB" */
export function share(done, total) {
	if (total < 1e9) return `${Math.round(done / 1e6)} of ${Math.round(total / 1e6)} MB`;
	return `${(done / 1e9).toFixed(1)} of ${(total / 1e9).toFixed(1)} GB`;
}

/** "45 MB/s" */
export function speed(bytes) {
	if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} kB/s`;
	return bytes < 1e7 ? `${(bytes / 1e6).toFixed(1)} MB/s` : `${Math.round(bytes / 1e6)} MB/s`;
}

/** "8,412", "1.2 million" */
export function count(value) {
	return value < 1e6 ? value.toLocaleString('en-GB') : `${(value / 1e6).toFixed(1)} million`;
}

export const plural = (number, noun) => `${count(number)} ${noun}${number === 1 ? '' : 's'}`;

function place(job) {
	const ordinal = ORDINALS[job.position] || `number ${job.position + 1}`;
	const wait = job.eta === null ? '' : `, about ${seconds(job.eta)}`;
	return `${ordinal} in line${wait}`;
}

/** "Loading the denoiser, 1.2 of 1.7 GB", of a job or of the engine. */
export function loading({ stage, stage_done: done, stage_total: total }) {
	const size = total ? `, ${share(done, total)}` : '';
	const part = catalog.parts[stage];
	return `Loading ${part ? `the ${part}` : stage || 'the model'}${size}`;
}

/** What a job is doing, in one line. */
export function doing(job, engine) {
	if (job.state === 'loading' && job.stage === 'ready') return 'Preparing to draw';
	if (job.state === 'loading') return loading(job);
	if (job.state === 'running' && job.steps && job.step) {
		const several =
			job.request.count > 1
				? `picture ${Math.min(job.picture + 1, job.request.count)} of ${job.request.count} · `
				: '';
		const left = job.eta === null ? '' : ` · ${seconds(job.eta)} left`;
		return `${several}step ${job.step} of ${job.steps}${left}`;
	}
	if (job.state === 'running') return 'Reading the prompt';
	if (engine && (engine.state === 'starting' || engine.state === 'restarting') && job.position === 0) {
		return engine.state === 'starting'
			? 'Starting the engine. The first picture begins in a few seconds.'
			: 'Starting the engine again. The picture begins in a few seconds.';
	}
	if (job.state === 'interrupted') return 'Interrupted. It will be drawn again.';
	return place(job);
}

/** From 0 to 1, over all pictures of the job. */
export function fraction(job) {
	if (job.state === 'loading') return job.stage_total ? job.stage_done / job.stage_total : 0;
	if (!job.steps) return 0;
	return Math.min(1, (job.picture + job.step / job.steps) / job.request.count);
}

/** "CPU with bf16", '' until it is known. */
export const device = (status) =>
	[{ cpu: 'CPU', mps: 'Apple GPU' }[status.device] || status.device, status.dtype]
		.filter(Boolean)
		.join(' with ');

export function engine(status) {
	const where = device(status);
	const said = {
		starting: 'Starting the engine',
		ready: 'Ready',
		loading: 'Loading a model',
		working: 'Drawing',
		restarting: 'Starting the engine again',
		stopped: 'The engine is not running',
	}[status.state];
	if (status.loading && status.stage) return loading(status);
	return where ? `${said}, ${where}` : said;
}

export function sampler(request) {
	const schedule = request.schedule && request.schedule !== 'Automatic' ? ` ${request.schedule}` : '';
	return `${request.sampler || 'default sampler'}${schedule}`;
}

export function day(text) {
	// A day without a time is one of this place, not of Greenwich.
	const date = new Date(text.length === 10 ? `${text}T00:00` : text);
	const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(date).setHours(0, 0, 0, 0)) / 864e5);
	if (days === 0) return 'Today';
	if (days === 1) return 'Yesterday';
	const year = date.getFullYear() === new Date().getFullYear() ? {} : { year: 'numeric' };
	return date.toLocaleDateString('en-GB', { weekday: 'long', day: 'numeric', month: 'long', ...year });
}

/** "November 2026", of the beginning of a day in ISO. */
export const month = (text) =>
	new Date(`${text.slice(0, 7)}-01T00:00`).toLocaleDateString('en-GB', { month: 'long', year: 'numeric' });

/** "Today, 14:05" */
export const moment = (text) =>
	`${day(text)}, ${new Date(text).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })}`;

/** "Today, 14:05", "22 Nov, 14:05", "22 Nov 2024" */
export function stamp(text) {
	const date = new Date(text);
	if (['Today', 'Yesterday'].includes(day(text))) return moment(text);
	const said = { day: 'numeric', month: 'short' };
	if (date.getFullYear() !== new Date().getFullYear())
		return date.toLocaleDateString('en-GB', { ...said, year: 'numeric' });
	return `${date.toLocaleDateString('en-GB', said)}, ${moment(text).split(', ').pop()}`;
}

/** A seed in plain digits, wherever it is written; '' where none is known. Large ones travel as text. */
export const seed = (value) => String(value ?? '');

/** The beginning of a text, cut between words. */
export function short(text, length = 48) {
	if (text.length <= length) return text;
	return `${text.slice(0, length).replace(/\s+\S*$/, '')}…`;
}

export function kept(job) {
	const asked = job.request.count;
	const done = job.pictures.length;
	if (!done) return 'No picture was kept.';
	if (asked === 1) return 'The picture was kept.';
	return `${done} of ${asked} pictures ${done === 1 ? 'was' : 'were'} kept.`;
}

