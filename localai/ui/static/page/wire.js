// Knows the line to the server: its functions, the stream of states, and what to do when it falls silent.

import { emit, on, settle } from './bus.js';
import { byId } from './dom.js';
import { notify } from './notice.js';
import { ask, connect } from './server.js';
import { learn, state } from './state.js';
import { admit } from './visitor.js';

const SILENCE = 25000;
const DOUBT = 13000;
const RETRIES = 'localai:retries';
let heard = Date.now();
let checked = Date.now();
let lost = false;

async function healthy() {
	try {
		const answer = await fetch('healthz', { cache: 'no-store', signal: AbortSignal.timeout(4000) });
		return answer.ok;
	} catch {
		return false;
	}
}

/** Shows the bar and comes back by itself; each fruitless return waits longer. */
export async function lose() {
	if (lost) return;
	lost = true;
	byId('connection').hidden = false;
	document.body.classList.add('lost');
	settle('lost');
	const retries = Number(sessionStorage.getItem(RETRIES) || 0);
	let wait = Math.min(30000, 2000 * 2 ** retries);
	do {
		await new Promise((done) => setTimeout(done, wait));
		wait = 2000;
	} while (!(await healthy()));
	sessionStorage.setItem(RETRIES, String(retries + 1));
	location.reload();
}

async function check() {
	const now = Date.now();
	// The machine slept or the tab was frozen: give the stream time to speak again.
	if (now - checked > 10000) heard = Math.max(heard, now - SILENCE + 14000);
	checked = now;
	const silence = now - heard;
	if (silence > SILENCE || (silence > DOUBT && !(await healthy()))) lose();
}

function hear(value) {
	if (!value || !value.snapshot || lost) return;
	heard = Date.now();
	sessionStorage.removeItem(RETRIES);
	const first = state.snapshot === null;
	state.snapshot = value.snapshot;
	state.own = value.own;
	const jobs = [...state.snapshot.queue, ...(state.snapshot.last ? [state.snapshot.last] : [])];
	learn(jobs.flatMap((job) => job.pictures));
	emit('snapshot', { first });
}

async function begin() {
	const answer = await ask('ui_begin', {});
	if (answer.error) return;
	admit(answer.visitor);
	state.models = answer.models;
	state.begun = true;
	learn(answer.pictures);
	settle('begun', answer);
}

export function mount(root, { props, server, watch }) {
	connect(server);
	watch('value', () => hear(props.value));
	hear(props.value);
	on('silence', async () => {
		if (!(await healthy())) lose();
	});
	on('unloaded', () =>
		notify({
			kind: 'error',
			message: 'A part of this page did not load.',
			button: { label: 'Load again', run: () => location.reload() },
		}),
	);
	setInterval(check, 2000);
	begin();
}

