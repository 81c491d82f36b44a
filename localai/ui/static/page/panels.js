// Knows the two panels behind the chips of the header: the models and the queue.

import { on } from './bus.js';
import { byId, cover, element, redraw, write } from './dom.js';
import * as form from './form.js';
import * as jobs from './jobs.js';
import { popup, walkable } from './layers.js';
import * as library from './library.js';
import { notify } from './notice.js';
import { ask } from './server.js';
import { isOwn, state } from './state.js';
import * as tabs from './tabs.js';
import * as words from './words.js';

const MANY = 12;
const rows = new Map();
let models = null;
let lost = false;

function drawModels() {
	const list = byId('model-list');
	const filter = byId('model-filter');
	const chosen = form.values.model;
	filter.hidden = state.models.length <= MANY;
	const asked = filter.hidden ? [] : filter.value.toLowerCase().split(/\s+/);
	const shown = state.models.filter((model) => {
		const text = `${model.name} ${library.family(model)}`.toLowerCase();
		return asked.every((word) => text.includes(word));
	});
	byId('model-none').hidden = shown.length > 0;
	redraw(list, [shown, chosen], () =>
		shown.map((model) => {
			const line = [
				library.family(model),
				words.gigabytes(model.bytes),
				model.builtin ? 'built in' : '',
			]
				.filter(Boolean)
				.join(', ');
			return element(
				'button',
				{
					type: 'button',
					role: 'radio',
					class: 'model-row',
					'aria-checked': String(model.id === chosen),
					disabled: Boolean(model.problem),
					'data-model': model.id,
					onclick: () => choose(model),
				},
				element('span', { class: 'model-title', dir: 'auto', title: model.name }, model.name),
				element('span', { class: model.problem ? 'trouble' : 'muted' }, model.problem || line),
			);
		}),
	);
}

/** Chosen while nothing waits, the model comes into memory at once; else when its turn comes. */
function choose(model) {
	models.hide();
	if (state.snapshot && state.snapshot.queue.length) form.setModel(model.id);
	else library.use(model);
}

/** How far the model is that comes into memory. */
function drawLoad(engine) {
	const total = engine.stage_total;
	byId('engine-load').hidden = !engine.loading;
	const part = total ? Math.min(1, engine.stage_done / total) : 0;
	byId('engine-meter').firstElementChild.style.transform = `scaleX(${part})`;
	byId('engine-meter').setAttribute('aria-valuenow', String(Math.round(part * 100)));
}

function drawChips() {
	const model = state.models.find((one) => one.id === form.values.model);
	if (model) {
		write(byId('model-name'), model.name);
		write(byId('model-note'), model.builtin ? 'built in' : '');
	}
	if (!state.snapshot) return;
	const { engine, queue } = state.snapshot;
	const mood = {
		ready: 'ready',
		working: 'ready',
		starting: 'moving',
		loading: 'moving',
		restarting: 'moving',
		stopped: 'trouble',
	}[engine.state];
	byId('model-dot').className = `dot ${lost || (model && model.problem) ? 'trouble' : mood}`;
	const said = lost
		? 'Connection lost'
		: words.engine(engine) + (engine.message ? `. ${engine.message}` : '');
	write(byId('model-state'), `. ${said}`);
	write(byId('engine-line'), said);
	drawLoad(engine);
	write(byId('queue-count'), queue.length ? String(queue.length) : '');
	write(byId('queue-words'), queue.length ? ' in queue' : 'Queue');
	byId('queue-chip').classList.toggle('idle', queue.length === 0);
}

function makeRow(job) {
	const up = element(
		'button',
		{
			type: 'button',
			class: 'icon',
			'aria-label': 'Move up',
			'data-asks': 'ui_move',
			onclick: () => move(job.id, -1),
		},
		'↑',
	);
	const down = element(
		'button',
		{
			type: 'button',
			class: 'icon',
			'aria-label': 'Move down',
			'data-asks': 'ui_move',
			onclick: () => move(job.id, 1),
		},
		'↓',
	);
	const stop = element(
		'button',
		{
			type: 'button',
			class: 'icon',
			'aria-label': 'Stop',
			onclick: () => jobs.stop(job),
		},
		'×',
	);
	const canvas = element('canvas', { width: 80, height: 80 });
	const line = element('span', { class: 'muted' });
	const count = job.request.count > 1 ? ` (${words.plural(job.request.count, 'picture')})` : '';
	const item = element(
		'li',
		{ 'data-job': job.id },
		element('span', { class: 'queue-thumb', 'aria-hidden': 'true' }, canvas),
		element(
			'span',
			{ class: 'queue-text' },
			element('span', { class: 'queue-prompt' }, job.request.prompt + count),
			line,
		),
		up,
		down,
		stop,
	);
	return { item, canvas, line, up, down, stop };
}

async function move(id, by) {
	const job = state.snapshot.queue.find((one) => one.id === id);
	if (!job) return;
	const held = document.activeElement;
	await ask('ui_move', { job: id, position: Math.max(0, job.position + by) });
	if (held && held.isConnected && !held.disabled) held.focus();
}

function drawQueue() {
	const { queue, engine } = state.snapshot;
	const list = byId('queue-list');
	for (const [id, row] of rows) {
		if (!queue.some((job) => job.id === id)) {
			row.item.remove();
			rows.delete(id);
		}
	}
	queue.forEach((job, index) => {
		if (!rows.has(job.id)) rows.set(job.id, makeRow(job));
		const row = rows.get(job.id);
		write(row.line, words.doing(job, engine));
		row.stop.hidden = !isOwn(job);
		// The first is being drawn or about to be; nothing goes before it.
		row.up.disabled = job.state !== 'queued' || index < 2;
		row.down.disabled = job.state !== 'queued' || index === 0 || index === queue.length - 1;
		if (list.children[index] !== row.item) {
			const held = row.item.contains(document.activeElement) ? document.activeElement : null;
			list.insertBefore(row.item, list.children[index] || null);
			if (held) held.focus();
		}
	});
	byId('queue-empty').hidden = queue.length > 0;
	byId('queue-foot').hidden = queue.length === 0;
}

async function refreshModels() {
	drawModels();
	const answer = await ask('ui_models', {}, { quiet: true });
	if (answer.error) return;
	state.models = answer.models;
	drawModels();
	drawChips();
}

async function stopAll() {
	const answer = await ask('ui_stop_all', {});
	if (!answer.error) notify({ message: `${words.plural(answer.stopped, 'job')} stopped.` });
}

export function attach() {
	models = popup(byId('model-chip'), byId('model-panel'), { opened: refreshModels });
	popup(byId('queue-chip'), byId('queue-panel'), { opened: () => state.snapshot && drawQueue() });
	walkable(byId('model-list'), 'button');
	byId('model-filter').addEventListener('input', drawModels);
	byId('model-filter').addEventListener('keydown', (event) => {
		const first = byId('model-list').querySelector('button:not(:disabled)');
		if (!first || (event.key !== 'ArrowDown' && event.key !== 'Enter')) return;
		event.preventDefault();
		if (event.key === 'Enter') first.click();
		else first.focus();
	});
	byId('engine-cancel').addEventListener('click', () => library.cancel());
	for (const [id, tab] of [
		['all-models', 'models'],
		['more-models', 'downloads'],
	])
		byId(id).addEventListener('click', () => {
			models.hide(false);
			tabs.show(tab);
		});
	on('library', refreshModels);
	on('lost', () => {
		lost = true;
		drawChips();
	});
	byId('stop-all').addEventListener('click', stopAll);
	on('snapshot', () => {
		drawChips();
		drawQueue();
	});
	on('preview', ({ job, image }) => {
		if (rows.has(job)) cover(rows.get(job).canvas, image);
	});
	on('begun', () => {
		drawModels();
		drawChips();
	});
	on('form', (changes) => {
		if ('model' in changes) {
			drawModels();
			drawChips();
		}
	});
}

