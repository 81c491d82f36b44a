// Knows the foot of the Models tab: the folders added by reference, and the trash.

import { emit, on } from '../page/bus.js';
import { byId, element, redraw, write } from '../page/dom.js';
import { folds } from '../page/layers.js';
import * as library from '../page/library.js';
import { notify } from '../page/notice.js';
import { ask } from '../page/server.js';
import * as words from '../page/words.js';

const LAYOUTS = {
	a1111: 'Folders of AUTOMATIC1111',
	forge: 'Folders of Forge',
	comfyui: 'Folders of ComfyUI',
	sdnext: 'Folders of SD.Next',
	plain: 'Plain folder',
};

function line(title, note, trouble, ...buttons) {
	return element(
		'li',
		{},
		element(
			'span',
			{ class: 'row-text' },
			element('span', { class: 'row-name', dir: 'auto', title }, title),
			element('span', { class: `row-line ${trouble ? 'trouble' : ''}` }, note),
		),
		...buttons,
	);
}

function drawFolders(folders) {
	const added = folders.filter((folder) => !folder.own).length;
	write(byId('folders-button'), added ? `Folders (${added})` : 'Folders');
	redraw(byId('folder-rows'), folders, () =>
		folders.map((folder) =>
			line(
				folder.path,
				folder.problem || `${LAYOUTS[folder.layout]}, ${words.plural(folder.files, 'file')}`,
				folder.problem,
				...(folder.own ? [] : [removing(folder)]),
			),
		),
	);
}

function removing(folder) {
	return element(
		'button',
		{
			type: 'button',
			class: 'button',
			'aria-label': `Remove ${folder.path} from this list`,
			title: 'The folder itself stays as it is',
			onclick: () => removeFolder(folder),
		},
		'Remove',
	);
}

function drawTrash(trash) {
	const bytes = trash.reduce((sum, one) => sum + one.bytes, 0);
	write(byId('trash-button'), trash.length ? `Trash (${trash.length}, ${words.gigabytes(bytes)})` : 'Trash');
	byId('trash-none').hidden = trash.length > 0;
	byId('trash-actions').hidden = trash.length === 0;
	write(
		byId('trash-empty-yes'),
		`Delete ${words.plural(trash.length, 'model')} for good, freeing ${words.gigabytes(bytes)}`,
	);
	const other = redraw(byId('trash-rows'), trash, () =>
		trash.map((one) =>
			line(
				one.name,
				`${words.gigabytes(one.bytes)}, ${words.day(one.deleted_at).toLowerCase()}`,
				false,
				element(
					'button',
					{
						type: 'button',
						class: 'button',
						'aria-label': `Restore ${one.name}`,
						onclick: () => library.restore(one.id),
					},
					'Restore',
				),
			),
		),
	);
	if (other) confirm(false);
}

function draw(answer) {
	byId('hashes-all').checked = answer.hashes;
	drawFolders(answer.folders);
	drawTrash(answer.trash);
}

/** Whether every model is read for its hash; what is being read ends when not. */
export async function readAll(everything) {
	const answer = await ask('ui_hashes', { everything });
	if (!answer.error) draw(answer);
	emit('library');
}

export async function refresh() {
	const answer = await ask('ui_places', {}, { quiet: true });
	if (!answer.error) draw(answer);
}

async function add(event) {
	event.preventDefault();
	const answer = await ask('ui_folder_add', { path: byId('folder-path').value }, { quiet: true });
	const wrong = answer.error ? `${answer.error.message} ${answer.error.remedy}`.trim() : '';
	byId('folder-error').hidden = !wrong;
	write(byId('folder-error'), wrong);
	byId('folder-path').setAttribute('aria-invalid', String(Boolean(wrong)));
	if (wrong) return byId('folder-path').focus();
	byId('folder-path').value = '';
	draw(answer);
	emit('library');
}

async function removeFolder(folder) {
	const answer = await ask('ui_folder_remove', { path: folder.path });
	if (answer.error) return;
	draw(answer);
	byId('folder-path').focus();
	emit('library');
	notify({
		message: 'The folder was removed from the list.',
		remedy: 'Its files stay where they are.',
		button: {
			label: 'Undo',
			run: async () => {
				const again = await ask('ui_folder_add', { path: folder.path });
				if (!again.error) draw(again);
				emit('library');
			},
		},
	});
}

function confirm(asking) {
	byId('trash-empty').hidden = asking;
	byId('trash-empty-yes').hidden = !asking;
	byId('trash-empty-no').hidden = !asking;
}

async function empty() {
	const answer = await ask('ui_trash_empty', {});
	if (answer.error) return;
	draw(answer);
	notify({ message: 'The trash is empty.', remedy: `${words.gigabytes(answer.freed)} freed.` });
	byId('trash-button').focus();
}

export function attach() {
	byId('folder-form').addEventListener('submit', add);
	byId('hashes-all').addEventListener('change', (event) => readAll(event.target.checked));
	byId('trash-empty').addEventListener('click', () => {
		confirm(true);
		byId('trash-empty-no').focus();
	});
	byId('trash-empty-no').addEventListener('click', () => {
		confirm(false);
		byId('trash-empty').focus();
	});
	byId('trash-empty-yes').addEventListener('click', empty);
	folds(
		[byId('folders-button'), byId('folders'), refresh],
		[byId('trash-button'), byId('trash'), refresh],
	);
	on('library', refresh);
}

