"""Knows how pictures are looked for, marked, put away and brought back. Each deed first says in the ledger
what may be, then asks, then says what is."""

import json
import random
from collections.abc import Callable

from tools.soak.ledger import ABSENT, Kept, State
from tools.soak.world import World, Wrong

TAGS, ALBUMS = ('red', 'two words', 'ünïcode', 'a"quote'), ('Best of', 'für später')


def search(world: World, lot: random.Random) -> None:
	text = lot.choice(
		('', 'apple', 'boat -night', f'tag:"{lot.choice(TAGS)}"', 'rating:>=3', 'favourite:yes',
		'seed:1000', 'size:64x64', 'kind:imported', 'after:2024-01 before:2027', 'foo:bar', '"a red')
	)  # fmt: skip
	query = {'text': text, 'sort': lot.choice(('newest', 'oldest', 'rating', 'largest'))}
	found = json.loads(world.call('/api/history/find', query))['entries']
	world.call('/api/history/outline', {'text': text})
	for entry in found[:3]:
		world.ask(entry['thumbnail'])
	if found:
		world.ask(f'/api/history/card?id={found[0]["id"]}')
	if lot.random() < 0.3:
		world.client(search=text, limit=20, api_name='/history')
	if lot.random() < 0.1:
		world.command('history', 'search', text)


def mark(world: World, lot: random.Random) -> None:
	with world.ledger.taken(lot, 'history', lot.choice((1, 1, 3, 20))) as pictures:
		if not pictures:
			return
		change, changed = a_change(lot)
		world.ledger.widen(pictures, changed)
		answer = world.call('/api/history/mark', {'ids': ids(pictures), 'change': change})
		assert json.loads(answer)['changed'] <= len(pictures)
		world.ledger.settle(pictures, changed)


def a_change(lot: random.Random) -> tuple[dict, Callable[[State], State]]:
	tag, album = lot.choice(TAGS), lot.choice(ALBUMS)
	value, rating = lot.random() < 0.5, lot.randint(0, 5)
	notes = f'note {lot.randint(0, 99)}'
	return lot.choice(
		(
			({'favourite': value}, lambda s: s._replace(favourite=value)),
			({'rating': rating}, lambda s: s._replace(rating=rating)),
			({'notes': notes}, lambda s: s._replace(notes=notes)),
			({'add_tags': [tag]}, lambda s: s._replace(tags=s.tags | {tag})),
			({'remove_tags': [tag]}, lambda s: s._replace(tags=s.tags - {tag})),
			({'add_albums': [album]}, lambda s: s._replace(albums=s.albums | {album})),
			({'remove_albums': [album]}, lambda s: s._replace(albums=s.albums - {album})),
		)
	)


def ids(pictures: list[Kept]) -> list[int]:
	return [kept.id for kept in pictures]


def into_trash(state: State) -> State:
	return state._replace(place='trash')


def into_history(state: State) -> State:
	return state._replace(place='history')


def delete(world: World, lot: random.Random) -> None:
	most = lot.choice((1, 2, 10, 40))
	with world.ledger.trash, world.ledger.taken(lot, 'history', most) as pictures:
		if not pictures or world.ledger.count('history') < 10:
			return
		world.ledger.widen(pictures, into_trash)
		answer = json.loads(world.call('/api/history/delete', {'ids': ids(pictures)}))
		if answer['problems'] or len(answer['trashed']) != len(pictures):
			raise Wrong(f'delete: {answer}')
		listed = json.loads(world.call('/api/history/trash?limit=500'))['trash']
		names = {one['picture']: one['id'] for one in listed}
		for kept in pictures:
			kept.trashed = names[kept.id]
		world.ledger.settle(pictures, into_trash)


def restore(world: World, lot: random.Random) -> None:
	most = lot.choice((1, 5, 40))
	with world.ledger.trash, world.ledger.taken(lot, 'trash', most) as pictures:
		if not pictures:
			return
		world.ledger.widen(pictures, into_history)
		named = [kept.trashed for kept in pictures]
		answer = json.loads(world.call('/api/history/restore', {'trashed': named}))
		if answer['problems'] or sorted(answer['pictures']) != sorted(ids(pictures)):
			raise Wrong(f'restore: {answer}')
		world.ledger.settle(pictures, into_history)


def empty(world: World, lot: random.Random) -> None:
	with world.ledger.trash, world.ledger.taken(lot, 'trash', 10**6) as pictures:
		if len(pictures) < 5:
			return
		world.ledger.widen(pictures, lambda state: ABSENT)
		world.page('ui_history_trash_empty', {})
		world.ledger.settle(pictures, lambda state: ABSENT)
