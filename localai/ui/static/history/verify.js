// Knows how a picture is drawn again from its receipt, how far that is, and what came out.

import { byId, element, write } from '../page/dom.js';
import * as facts from '../page/facts.js';
import * as rows from '../page/rows.js';
import { ask } from '../page/server.js';
import * as words from '../page/words.js';

const BEAT = 300;
let turn = 0;

function say(...parts) {
	byId('detail-verdict').hidden = false;
	byId('detail-verdict').replaceChildren(...parts);
}

const line = (text, mood = '') => element('p', { class: mood }, text);
const again = (picture) =>
	element('button', { type: 'button', class: 'link', onclick: () => run(picture) }, 'Try again');

function percent(share) {
	if (share >= 0.01) return `${Math.round(share * 100)} %`;
	return share >= 0.0001 ? `${(share * 100).toFixed(2)} %` : 'under 0.01 %';
}

function conclude(verdict, picture) {
	const conditions = verdict.conditions.length
		? element('dl', { class: 'facts' }, ...facts.differences(verdict.conditions))
		: null;
	const since = conditions ? line('What has changed since it was drawn:', 'muted') : null;
	if (verdict.state === 'identical')
		return say(
			...[
				line(`Identical, pixel for pixel. Drawn again in ${words.took(verdict.seconds)}.`, 'good'),
				since,
				conditions,
			].filter(Boolean),
		);
	if (verdict.state === 'impossible')
		return say(
			...[
				line(verdict.reason || 'This picture cannot be drawn again here.', 'trouble'),
				since,
				conditions,
			].filter(Boolean),
		);
	const much = `Different in ${percent(verdict.share)} of the pixels, by up to ${verdict.maximum} of 255, ${verdict.mean.toFixed(2)} on average.`;
	say(
		...[
			line(much, 'trouble'),
			verdict.reason ? line(verdict.reason) : null,
			since || line('No recorded condition has changed.', 'muted'),
			conditions,
			again(picture),
		].filter(Boolean),
	);
}

export async function run(picture) {
	const now = ++turn;
	const meter = rows.meter();
	const words = element('p', {}, 'Waiting for the engine.');
	say(words, meter.line);
	meter.set(0);
	const failed = (error) =>
		say(line(`${error.message} ${error.remedy || ''}`.trim(), 'trouble'), again(picture));
	const begun = await ask('ui_history_verify', { id: picture.id }, { quiet: true });
	if (begun.error) {
		if (begun.error.field === 'model')
			begun.error = { message: 'Its model is not here, so it cannot be drawn again.' };
		return now === turn && failed(begun.error);
	}
	for (;;) {
		const answer = await ask('ui_history_verdict', { chore: begun.chore }, { quiet: true });
		if (now !== turn) return;
		if (answer.error && typeof answer.error === 'object') return failed(answer.error);
		if (answer.verdict) return conclude(answer.verdict, picture);
		if (answer.state === 'cancelled') return failed({ message: 'It was stopped.' });
		if (answer.steps) {
			write(words, `Drawing it again, step ${answer.step} of ${answer.steps}`);
			meter.set(answer.step / answer.steps);
		}
		await new Promise((done) => setTimeout(done, BEAT));
	}
}

/** Another picture is looked at; the engine finishes what it does. */
export function leave() {
	turn++;
	byId('detail-verdict').hidden = true;
	byId('detail-verdict').replaceChildren();
}
