// Knows the settings of the downloads: how many at once, how fast, and whether there is a token. Never the token.

import { emit, on } from '../page/bus.js';
import { catalog } from '../page/catalog.js';
import { byId, write } from '../page/dom.js';
import { folds } from '../page/layers.js';
import { notify } from '../page/notice.js';
import { ask } from '../page/server.js';

let fold = null;
let present = false;
let limits = { at_once: 2, speed: 0 };

function drawLimits(fresh) {
	limits = fresh;
	byId('hub-at-once').value = String(limits.at_once);
	byId('hub-speed').value = String(Math.round(limits.speed / 1e5) / 10);
}

function drawToken({ present: kept, name, source }) {
	present = kept;
	byId('hub-token').placeholder = present ? 'A token is stored' : 'hf_…';
	byId('hub-token-remove').hidden = !present || source === 'environment';
	const whose = name ? ` of ${name}` : '';
	write(
		byId('hub-settings-state'),
		present
			? source === 'environment'
				? `The token${whose} comes from the environment, and is not shown.`
				: `A token${whose} is stored on this computer. It is sent only to the hub and never shown again.`
			: 'No token is set. Public repositories need none; gated and private ones need a token with read access.',
	);
}

async function keepLimits() {
	const given = {
		at_once: Number(byId('hub-at-once').value),
		speed: Math.round(Number(byId('hub-speed').value.replace(',', '.')) * 1e6),
	};
	const right = Number.isInteger(given.at_once) && given.at_once >= 1 && given.at_once <= catalog.limits.downloads && given.speed >= 0;
	if (!right) {
		drawLimits(limits);
		return notify({
			kind: 'error',
			message: 'That limit is not possible.',
			remedy: `From 1 to ${catalog.limits.downloads} downloads at once; a speed of 0 or more MB/s.`,
		});
	}
	const answer = await ask('ui_download_limits', given);
	drawLimits(answer.error ? limits : answer.limits);
	if (!answer.error) notify({ message: 'Kept.' });
}

async function keepToken(token) {
	// Out of the page before anything else happens.
	byId('hub-token').value = '';
	const answer = await ask('ui_hub_token', { token });
	if (answer.error) return;
	drawToken(answer.token);
	emit('token', answer.token);
	notify({ message: token ? 'The token is stored.' : 'The token was removed.' });
}

export function enterToken() {
	fold.open();
	byId('hub-token').focus();
}

export function attach() {
	on('hub', (answer) => {
		drawLimits(answer.limits);
		drawToken(answer.token);
	});
	fold = folds([byId('hub-settings-button'), byId('hub-settings')]);
	byId('hub-at-once').addEventListener('change', keepLimits);
	byId('hub-speed').addEventListener('change', keepLimits);
	byId('hub-token-form').addEventListener('submit', (event) => {
		event.preventDefault();
		const token = byId('hub-token').value.trim();
		if (token) keepToken(token);
	});
	byId('hub-token-remove').addEventListener('click', async () => {
		await keepToken('');
		byId('hub-token').focus();
	});
}

export const token = () => present;
