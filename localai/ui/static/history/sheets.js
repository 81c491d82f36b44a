// Knows the dialogs of the History tab: they lie over the page, so they stand outside of it.

import { byId } from '../page/dom.js';
import { closesOutside } from '../page/layers.js';
import { attachDialog } from './importing.js';

export function mount() {
	attachDialog();
	for (const id of ['compare', 'export', 'import']) closesOutside(byId(id));
}
