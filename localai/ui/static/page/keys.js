// Knows the keys of the whole page.
(() => {
	'use strict';

	const LocalAI = window.LocalAI;

	function drawing() {
		return LocalAI.tabs.open() === 'generate';
	}

	document.addEventListener('keydown', (event) => {
		if (event.defaultPrevented || event.isComposing) return;
		const { key, target } = event;
		const dialog = document.querySelector('dialog[open]');
		if (key === 'Enter' && (event.ctrlKey || event.metaKey)) {
			if (dialog || !drawing()) return;
			event.preventDefault();
			LocalAI.composer.submit();
			return;
		}
		if (key === 'Escape') {
			if (dialog) return;
			if (LocalAI.layers.closeTop()) return event.preventDefault();
			if (LocalAI.history.close() || LocalAI.models.close() || LocalAI.downloads.close()) return;
			if (drawing() && LocalAI.currentJob()) {
				event.preventDefault();
				LocalAI.stage.stop('stop');
			}
			return;
		}
		if (event.altKey && (key === 'ArrowUp' || key === 'ArrowDown')) {
			if (dialog || event.ctrlKey || event.metaKey || event.shiftKey || !drawing()) return;
			event.preventDefault();
			LocalAI.timeline.walk(key === 'ArrowUp' ? -1 : 1);
			return;
		}
		if (dialog || event.ctrlKey || event.metaKey || event.altKey || LocalAI.isField(target)) return;
		if (key === '?') {
			event.preventDefault();
			LocalAI.showKeys();
		} else if (key === '/' && drawing()) {
			event.preventDefault();
			LocalAI.byId('prompt').focus();
		} else if (key === '/' && LocalAI[LocalAI.tabs.open()]?.search) {
			event.preventDefault();
			LocalAI[LocalAI.tabs.open()].search();
		} else if (drawing() && key.toLowerCase() === 'f') {
			event.preventDefault();
			LocalAI.stage.favourite();
		} else if (drawing() && key === 'Delete' && !LocalAI.layers.any()) {
			event.preventDefault();
			LocalAI.stage.remove();
		} else if ((key === 'ArrowLeft' || key === 'ArrowRight') && !LocalAI.layers.any()) {
			const by = key === 'ArrowRight' ? 1 : -1;
			event.preventDefault();
			if (drawing()) LocalAI.stage.walk(by);
			else if (LocalAI.tabs.open() === 'history') LocalAI.history.walk(by);
		}
	});
})();
