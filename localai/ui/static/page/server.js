// Knows the way to the functions of the server.

import { emit } from './bus.js';
import { notify } from './notice.js';

const GOING = 200;
let server = null;

/** Calls a function of the server. Always answers an object; `error` in it is {message, remedy, field}. */
export async function ask(name, given = {}, options = {}) {
	let answer;
	let failed = null;
	try {
		answer = server && (await server[name](given));
	} catch (error) {
		failed = error;
	}
	if (!answer) {
		// A page that goes fails its calls before it is told so: nothing may follow from that.
		await new Promise((done) => setTimeout(done, GOING));
		if (failed) console.warn(failed);
		emit('silence');
		answer = {
			error: {
				message: 'LocalAI did not answer.',
				remedy: 'Try again in a moment.',
				field: '',
				transport: true,
			},
		};
	}
	if (answer.error && !options.quiet) notify({ kind: 'error', ...answer.error });
	return answer;
}

export function connect(given) {
	server = given;
}

export const connected = () => server !== null;
