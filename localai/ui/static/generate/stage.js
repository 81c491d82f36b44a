// Knows the stage: which scene it shows (a job, a picture, an end, nothing yet) and the actions that fit it.

import { emit, on } from '../page/bus.js';
import { byId, element, write } from '../page/dom.js';
import * as jobs from '../page/jobs.js';
import { copy } from '../page/notice.js';
import * as pictures from '../page/pictures.js';
import { currentJob, isOwn, state } from '../page/state.js';
import * as tabs from '../page/tabs.js';
import * as viewer from '../page/viewer.js';
import * as words from '../page/words.js';
import * as filmstrip from './filmstrip.js';
import { swapper } from './preview.js';
import * as welcome from './welcome.js';

const FRESH = 10 * 60 * 1000;
// A picture is shown at most as many times its size: more would be a blur.
const MAGNIFIED = 2.5;
const QUIET = 8000;
// `picture` is the id of the picture that was chosen; null follows what happens.
const view = { picture: null, dismissed: null };
let swap = null;
let announced = { key: '', at: 0 };

function ended() {
	const last = state.snapshot && state.snapshot.last;
	if (!last || last.id === view.dismissed || last.state === 'finished') return null;
	return last.finished_at && Date.now() - Date.parse(last.finished_at) < FRESH ? last : null;
}

function scene() {
	const chosen = state.pictures.find((picture) => picture.id === view.picture);
	if (chosen) return { kind: 'picture', picture: chosen };
	const job = currentJob();
	if (job) return { kind: 'job', job };
	const end = ended();
	if (end) return { kind: 'ended', job: end, picture: end.pictures[end.pictures.length - 1] || null };
	if (state.pictures.length) return { kind: 'picture', picture: state.pictures[0] };
	return { kind: state.begun ? 'empty' : 'waiting' };
}

function sizeFrame(width, height) {
	const frame = byId('stage-frame');
	frame.style.setProperty('--ratio', String(width / height));
	frame.style.setProperty('--cap', `${width * MAGNIFIED}px`);
}

function showPicture(picture) {
	sizeFrame(picture.width, picture.height);
	swap.show({
		src: pictures.address(picture.url),
		kind: 'picture',
		job: picture.job_id,
		seed: picture.seed,
		alt: picture.request.prompt,
	});
	write(byId('caption-size'), `${picture.width} × ${picture.height} · `);
	const seed = words.seed(picture.seed);
	write(byId('caption-seed'), seed && `seed ${seed}`);
	byId('stage-favourite').setAttribute('aria-pressed', String(Boolean(picture.favourite)));
	const download = byId('download');
	download.href = `media/${picture.id}?download=1`;
}

function showJob(job) {
	sizeFrame(job.request.width || 1, job.request.height || 1);
	const done = job.pictures[job.pictures.length - 1];
	if (job.preview && job.step && job.state === 'running') {
		swap.show({
			src: `media/preview/${job.id}/${job.preview}.jpg`,
			kind: 'preview',
			job: job.id,
			seed: job.seeds[Math.min(job.picture, job.seeds.length - 1)],
			alt: `Preview: ${job.request.prompt}`,
		});
	} else if (done) {
		showPicture(done);
	} else if (swap.job() !== job.id) {
		swap.clear();
	}
	const label = words.doing(job, state.snapshot.engine);
	write(byId('progress-label'), label);
	write(byId('caption-progress'), label);
	byId('progress-bar').style.transform = `scaleX(${words.fraction(job).toFixed(4)})`;
	byId('skip').hidden = !isOwn(job) || job.request.count < 2 || job.state !== 'running';
	announce(`${job.id} ${job.state} ${job.picture}`, label);
}

function showMessage(about, title, text, buttons) {
	write(byId('message-title'), title);
	write(byId('message-text'), text);
	const key = [about, ...buttons.map((button) => button.label)].join('|');
	const holder = byId('message-buttons');
	if (holder.dataset.key === key) return;
	holder.dataset.key = key;
	holder.replaceChildren(
		...buttons.map(({ label, run }) =>
			element('button', { type: 'button', class: 'button', onclick: run }, label),
		),
	);
}

/** Buttons that do what the remedy of an error says. */
function remedies(job) {
	const code = job.error ? job.error.code : '';
	if (job.state === 'cancelled') return [{ label: 'Continue', run: () => jobs.goOn(job) }];
	if (code === 'OutOfMemory') {
		const [width, height] = [job.request.width, job.request.height].map((side) =>
			Math.max(64, Math.round((side * 0.75) / 8) * 8),
		);
		return [{ label: `Draw at ${width} × ${height}`, run: () => jobs.redo(job, { width, height }) }];
	}
	if (code === 'BrokenPicture')
		return [{ label: 'Try another seed', run: () => jobs.redo(job, { seed: null }) }];
	return [{ label: 'Try again', run: () => jobs.redo(job, {}) }];
}

function showEnd(job, picture) {
	const failed = job.state === 'failed';
	const title = failed ? job.error.message : `Stopped. ${words.kept(job)}`;
	const kept = failed && job.pictures.length ? ` ${words.kept(job)}` : '';
	const text = failed ? `${job.error.remedy}${kept}` : `“${words.short(job.request.prompt, 120)}”`;
	if (picture) {
		showPicture(picture);
		write(byId('stage-ended'), failed ? `${title} ${text}` : title);
		write(byId('again'), remedies(job)[0].label);
	} else {
		showMessage(job.id, title, text, [
			...remedies(job),
			{ label: 'Use its settings', run: () => pictures.take(job.request) },
		]);
	}
	announce(`${job.id} ${job.state}`, `${title} ${text}`);
}

/** A new key is said at once; the same one again only after a while. */
function announce(key, text) {
	const now = Date.now();
	if (announced.key === key && now - announced.at < QUIET) return;
	announced = { key, at: now };
	write(byId('stage-status'), text);
}

function render() {
	if (!swap) return;
	const now = scene();
	const framed = Boolean(now.job && now.kind === 'job') || Boolean(now.picture);
	const drawing = now.kind === 'job';
	byId('stage-frame').hidden = !framed;
	document.querySelector('.stage').dataset.scene = now.kind;
	byId('welcome').hidden = now.kind !== 'empty';
	byId('stage-message').hidden = framed || now.kind !== 'ended';
	byId('progress-line').hidden = !drawing;
	byId('progress-label').hidden = !drawing;
	byId('caption-progress').hidden = !drawing;
	byId('stage-sample').hidden = now.kind !== 'picture' || !welcome.bare();
	byId('stage-ended').hidden = !(now.kind === 'ended' && now.picture);
	for (const id of ['caption-size', 'caption-seed']) byId(id).hidden = !now.picture;
	const notes = now.job ? now.job.notes : [];
	byId('caption-note').hidden = !notes.length;
	write(byId('caption-note'), notes.length ? notes[notes.length - 1] + (now.picture ? ' · ' : '') : '');
	document.title = drawing ? `${Math.round(words.fraction(now.job) * 100)} % · LocalAI` : 'LocalAI';
	const focused = document.activeElement;
	const own = drawing && isOwn(now.job) ? ['job'] : [];
	const fitting = drawing ? own : now.picture ? ['picture', now.kind] : [];
	for (const button of byId('stage-actions').children)
		button.hidden = !fitting.includes(button.dataset.when);
	if (drawing) showJob(now.job);
	else if (now.kind === 'ended') showEnd(now.job, now.picture);
	else if (now.picture) showPicture(now.picture);
	else if (now.kind === 'empty') welcome.draw();
	if (now.kind === 'picture' && !view.picture && announced.key)
		announce(`done ${now.picture.id}`, 'The picture is done.');
	if (focused && focused.hidden && focused.parentElement === byId('stage-actions')) {
		const next = byId('stage-actions').querySelector(':scope > :not([hidden])');
		(next || document.querySelector('.stage')).focus();
	}
	filmstrip.draw(now);
}

/** Chooses a picture, or with null follows what happens. */
export function choose(id) {
	view.picture = id;
	const last = state.snapshot && state.snapshot.last;
	if (last) view.dismissed = last.id;
	render();
}

function walk(by) {
	const places = [...(currentJob() ? [null] : []), ...state.pictures.map((picture) => picture.id)];
	if (!places.length) return;
	const now = scene();
	const at = now.kind === 'job' ? 0 : Math.max(0, places.indexOf(now.picture ? now.picture.id : places[0]));
	choose(places[Math.max(0, Math.min(places.length - 1, at + by))]);
}

/** The seed of the picture on the stage, or of the newest. */
export function shownSeed() {
	const picture = scene().picture || state.pictures[0];
	return picture ? picture.seed : null;
}

/** The picture that is shown when nothing is being drawn over it. */
function shownPicture() {
	const now = scene();
	return now.kind === 'job' ? null : now.picture || null;
}

function favourite() {
	const picture = shownPicture();
	if (picture) pictures.mark([picture.id], { favourite: !picture.favourite }).then(render);
	render();
}

/** Into the trash; the one beside it is shown next. */
async function remove(id = null) {
	const picture = id === null ? shownPicture() : state.pictures.find((one) => one.id === id);
	if (!picture) return;
	const at = state.pictures.findIndex((one) => one.id === picture.id);
	const chosen = view.picture === picture.id;
	if (!(await pictures.remove([picture.id]))) return;
	const next = state.pictures[Math.min(at, state.pictures.length - 1)];
	choose(chosen && next ? next.id : null);
}

/** Back from a picture that was chosen to what happens now; answers whether there was one. */
function leave() {
	if (view.picture === null || scene().kind !== 'picture') return false;
	const newest = !currentJob() && state.pictures[0].id === view.picture;
	choose(null);
	return !newest;
}

function stop(mode) {
	const now = scene();
	const job = now.kind === 'job' ? now.job : currentJob();
	if (job && isOwn(job)) jobs.stop(job, mode);
}

function followNew(job) {
	view.picture = null;
	state.own = [...state.own, job.id];
	const known =
		state.snapshot &&
		[...state.snapshot.queue, state.snapshot.last].some((one) => one && one.id === job.id);
	if (state.snapshot && !known) {
		state.snapshot = { ...state.snapshot, queue: [...state.snapshot.queue, job] };
		emit('snapshot', {});
	} else render();
}

export function mount() {
	const stage = document.querySelector('.stage');
	tabs.offer('generate', { stop, walk, favourite, remove, close: leave, focus: () => stage.focus() });
	welcome.attach(render);
	filmstrip.attach(choose);
	swap = swapper(byId('stage-frame'), 'stage-image');
	const shown = () => scene().picture;
	byId('stop').addEventListener('click', () => stop('stop'));
	byId('stop-keep').addEventListener('click', () => stop('keep'));
	byId('skip').addEventListener('click', () => stop('skip'));
	byId('again').addEventListener('click', () => remedies(scene().job)[0].run());
	byId('use-settings').addEventListener('click', () => pictures.reuse(shown().id));
	byId('stage-vary').addEventListener('click', () => pictures.reuse(shown().id, 'vary'));
	byId('caption-seed').addEventListener('click', () =>
		copy(words.seed(shown().seed), 'Seed copied.'),
	);
	byId('stage-frame').addEventListener('click', ({ target }) => {
		if (target.id === 'stage-image' && shownPicture()) byId('full-screen').click();
	});
	byId('full-screen').addEventListener('click', () =>
		viewer.open(
			{
				total: () => state.pictures.length,
				at: (index) => state.pictures[index] || null,
				where: (id) => state.pictures.findIndex((picture) => picture.id === id),
				moved: (index) => choose(state.pictures[index].id),
				remove,
			},
			state.pictures.findIndex((picture) => picture.id === shown().id),
		),
	);
	byId('stage-favourite').addEventListener('click', favourite);
	byId('stage-delete').addEventListener('click', () => remove());
	on('snapshot', ({ first }) => {
		// A job that was stopped before this page was opened is no news.
		const { last } = state.snapshot;
		if (first && last && last.state === 'cancelled') view.dismissed = last.id;
		render();
	});
	for (const name of ['begun', 'pictures', 'marked']) on(name, render);
	on('submitted', followNew);
	render();
}

