// Knows what to say when the server goes away between the page and its scripts, and to leave without a word. It
// stands in the page itself.

(() => {
	const alive = () => document.getElementById('generate');
	const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
	const answers = () => fetch('healthz', { cache: 'no-store' }).then(({ ok }) => ok, () => false);
	let begun = false;

	function say(text) {
		const line = document.createElement('p');
		line.setAttribute('role', 'alert');
		line.style.cssText = 'position:fixed;inset:40% 24px auto;text-align:center;font:15px/1.5 system-ui,sans-serif';
		line.textContent = text;
		document.body.append(line);
	}

	async function watch() {
		await pause(3000);
		if (alive()) return;
		if (await answers()) {
			await pause(20000);
			if (!alive()) say('A part of this page did not load. Load it again.');
			return;
		}
		say('LocalAI is not answering. This page loads again as soon as it does.');
		while (!(await answers())) await pause(2000);
		location.reload();
	}

	// A page that goes breaks off its stream, which Gradio reports as an error. A download begins like that too,
	// and then the page stays.
	const { error } = console;
	const hush = () => {
		console.error = () => {};
		setTimeout(() => (console.error = error), 2000);
	};
	for (const going of ['beforeunload', 'pagehide']) addEventListener(going, hush, true);

	addEventListener(
		'error',
		({ target }) => {
			if (begun || !/^(LINK|SCRIPT)$/.test(target.tagName)) return;
			begun = true;
			watch();
		},
		true,
	);
})();
