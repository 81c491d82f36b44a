// Knows what all parts of the page share: a bus, the state, small helpers for the DOM, and the way to the server.
window.LocalAI = (() => {
	'use strict';

	const listeners = new Map();
	const state = { snapshot: null, catalog: window.catalog, models: [], pictures: [], begun: false };
	// Pictures that were deleted while this page was open, so that no late word brings them back.
	const lost = new Map();
	let server = null;

	function on(name, listener) {
		if (!listeners.has(name)) listeners.set(name, []);
		listeners.get(name).push(listener);
	}

	function emit(name, data) {
		for (const listener of listeners.get(name) || []) listener(data);
	}

	/** element('button', {class: 'quiet', onclick: run}, 'Stop'): text becomes text, never markup. */
	function element(tag, attributes = {}, ...children) {
		const made = document.createElement(tag);
		for (const [name, value] of Object.entries(attributes)) {
			if (value === null || value === undefined || value === false) continue;
			if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
			else made.setAttribute(name, value === true ? '' : value);
		}
		made.append(...children.filter((child) => child !== null && child !== undefined));
		return made;
	}

	const byId = (id) => document.getElementById(id);

	/** Writes only what changed, so that nothing is painted or read aloud twice. */
	function write(target, text) {
		if (target.textContent !== text) target.textContent = text;
	}

	function later(run, milliseconds) {
		let timer = 0;
		return (...given) => {
			clearTimeout(timer);
			timer = setTimeout(() => run(...given), milliseconds);
		};
	}

	function isField(target) {
		return (
			target instanceof HTMLElement &&
			(target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
		);
	}

	/** Calls a function of the server. Always answers an object; `error` in it is {message, remedy, field}. */
	async function ask(name, given = {}, options = {}) {
		let answer;
		try {
			answer = server && (await server[name](given));
		} catch (error) {
			console.warn(error);
		}
		if (!answer) {
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
		if (answer.error && !options.quiet) window.LocalAI.notify({ kind: 'error', ...answer.error });
		return answer;
	}

	/** Adds pictures that were not known, newest first; returns the new ones. */
	function learn(pictures) {
		const known = new Set(state.pictures.map((picture) => picture.id));
		const fresh = pictures.filter((picture) => !known.has(picture.id) && !lost.has(picture.id));
		if (fresh.length) {
			state.pictures = [...state.pictures, ...fresh].sort((a, b) => b.id - a.id);
			emit('pictures', fresh);
		}
		return fresh;
	}

	/** Pictures that are no longer there. */
	function lose(ids) {
		const gone = new Set(ids);
		for (const id of gone) lost.set(id, state.pictures.find((picture) => picture.id === id) || null);
		state.pictures = state.pictures.filter((picture) => !gone.has(picture.id));
		emit('pictures', []);
	}

	/** Pictures that are there again. */
	function regain(ids) {
		const back = ids.map((id) => lost.get(id)).filter(Boolean);
		for (const id of ids) lost.delete(id);
		learn(back);
	}

	/** The job that is being worked on, or else the first that waits. */
	function currentJob() {
		const queue = state.snapshot ? state.snapshot.queue : [];
		return queue.find((job) => job.state === 'running' || job.state === 'loading') || queue[0] || null;
	}

	async function copy(text, message) {
		try {
			await navigator.clipboard.writeText(text);
			window.LocalAI.notify({ message });
		} catch {
			const said = text.length < 80 ? ` It is ${text}.` : '';
			window.LocalAI.notify({ message: `The browser did not allow copying.${said}` });
		}
	}

	return {
		parts: {},
		state,
		on,
		emit,
		element,
		byId,
		write,
		later,
		isField,
		ask,
		learn,
		lose,
		regain,
		currentJob,
		copy,
		connect(given) {
			server = given;
		},
		connected: () => server !== null,
		motion: () => !matchMedia('(prefers-reduced-motion: reduce)').matches,
		phone: () => matchMedia('(max-width: 760px)').matches,
	};
})();
