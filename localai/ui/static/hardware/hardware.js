// Knows the Hardware tab: one sentence on how the machine is, its memory, the engine.

import { on } from '../page/bus.js';
import { byId, element, write } from '../page/dom.js';
import { ask } from '../page/server.js';
import { state } from '../page/state.js';
import * as tabs from '../page/tabs.js';
import * as words from '../page/words.js';

const EVERY = 3000;

export function sentence(engine, memory) {
	const free = `${words.gigabytes(memory.free)} free`;
	if (engine.state === 'stopped') return `The engine is not running. ${engine.message}`.trim();
	if (engine.state === 'starting' || engine.state === 'restarting')
		return `${words.engine(engine)}. ${free}.`;
	const facts = [free, words.device(engine)].filter(Boolean).join(', ');
	const said = memory.free < memory.total * 0.1 ? `Memory is short: ${facts}.` : `All well. ${facts}.`;
	return engine.loading && engine.stage ? `${said} ${words.loading(engine)}.` : said;
}

function draw({ engine, memory }) {
	const model = state.models.find((one) => one.id === engine.model);
	const used = memory.total - memory.free;
	write(byId('hardware-sentence'), sentence(engine, memory));
	byId('memory-bar').style.width = `${((used / memory.total) * 100).toFixed(1)}%`;
	write(byId('memory-line'), `${words.gigabytes(used)} of ${words.gigabytes(memory.total)} in use`);
	byId('memory-meter').setAttribute('aria-label', byId('memory-line').textContent);
	const facts = [
		['Engine', words.engine({ ...engine, device: '', dtype: '' })],
		['Device', engine.device === 'cpu' ? 'CPU' : engine.device || 'not known yet'],
		['Precision', engine.dtype || 'not known yet'],
		['Model in memory', model ? model.name : engine.model || 'none'],
		['Free memory', words.gigabytes(memory.free)],
		['Memory', words.gigabytes(memory.total)],
	];
	const holder = byId('hardware-facts');
	if (holder.childElementCount !== facts.length * 2)
		holder.replaceChildren(...facts.flatMap(([name]) => [element('dt', {}, name), element('dd', {})]));
	facts.forEach(([, value], at) => write(holder.children[at * 2 + 1], value));
}

async function refresh() {
	if (tabs.open() !== 'hardware' || document.hidden || !state.begun) return;
	const answer = await ask('ui_hardware', {}, { quiet: true });
	if (!answer.error) draw(answer);
}

export function mount() {
	on('tab', refresh);
	on('begun', refresh);
	setInterval(refresh, EVERY);
}
