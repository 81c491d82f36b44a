"""Knows how a search is written: words, "phrases", -exclusions, key:value, and OR between two of them,
as people type them."""

import calendar
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import TypeVar

from localai.schemas.search import KEYS, Either, Facet, Key, Number, Period, Search, Word
from localai.schemas.terms import TABLE

# A minus, a key, and a value in quotes or without blanks. An open quote ends with the line.
TOKEN = re.compile(r'(-?)(?:([A-Za-z]+):)?(?:"([^"]*)(?:"|$)|([^\s"]+))')
NAMES = {typed: key.name for key in KEYS.values() for typed in key.also}
LEAST = 2  # letters of a beginning; a single one would be half of all words
BOUND = re.compile(r'(<=|>=|<|>|=)?(\d+(?:\.\d+)?)(\+|(?:\.\.|-)(\d+(?:\.\d+)?))?$')
SIZE = re.compile(r'(\d{1,6})\s*[x×*]\s*(\d{1,6})$', re.I)
FRACTIONS = frozenset(term.word for term in TABLE if term.kind == 'number')
PARTS = 64  # of one search
OR = 'OR'
NOT_JOINED = 'OR does not work with numbers, dates or a minus, so everything had to match.'
Part = Word | Facet | Number | Period
Kind = TypeVar('Kind')
YES, NO = ('yes', 'true', '1', 'y'), ('no', 'false', '0', 'n')


class NotUnderstood(Exception):
	"""Carries the sentence for the person."""


def understand(text: str, today: date | None = None) -> Search:
	"""Never fails: what is not understood is left out and said in `notes`."""
	today = today or date.today()
	notes: list[str] = []
	groups: list[list[Part]] = []
	joined = False
	tokens = list(TOKEN.finditer(text.replace('\x00', ' ')))
	if len(tokens) > PARTS:
		notes.append(f'Only the first {PARTS} words were searched for.')
	for at, token in enumerate(tokens[:PARTS]):
		minus, key, quoted, plain = token.groups()
		if token[0] == OR:
			joined = bool(groups)
			continue
		negative = minus == '-'
		value = (plain if quoted is None else quoted).strip()
		field = NAMES.get((key or '').lower(), (key or '').lower())
		if key and field not in KEYS:  # a colon in plain words
			notes.append(f'“{key[:40]}:” is not a key, so these words were searched for as text.')
			value, field = f'{key} {value}', ''
		if not value:
			if field:
				notes.append(f'Add a value after {field}:')
			continue
		try:
			known = KEYS.get(field)
			if known is None or known.kind == 'words':
				# While it is typed, the last word may go on; so may what follows a key.
				last = at == len(tokens) - 1 and token.end() == len(text)
				beginning = quoted is None and len(value) >= LEAST and (last or bool(field))
				part: Part = Word(
					text=value,
					field=field,
					beginning=beginning and value[-1].isalnum() and not negative,
					negative=negative,
				)
			elif known.kind == 'period':
				part = period(field, value, negative, today)
			elif known.kind == 'number':
				low, high = numbers(field, value)
				part = Number(field=field, low=low, high=high, negative=negative)
			else:
				values = FACETS[field](value) if field in FACETS else choice(known, value)
				part = Facet(field=field, values=values, negative=negative)
		except NotUnderstood as error:
			notes.append(str(error))
			continue
		if joined:
			groups[-1].append(part)
		else:
			groups.append([part])
		joined = False
	return sorted_out(groups, notes)


def sorted_out(groups: list[list[Part]], notes: list[str]) -> Search:
	"""What stands in one group was written with OR between."""
	eithers, alone = [], []
	for group in groups:
		parts = [p for p in group if isinstance(p, Word | Facet) and not p.negative]
		if len(group) > 1 and len(parts) == len(group):
			eithers.append(Either(parts=tuple(parts)))
			continue
		if len(group) > 1:
			notes.append(NOT_JOINED)
		alone += group

	def only(kind: type[Kind]) -> tuple[Kind, ...]:
		return tuple(part for part in alone if isinstance(part, kind))

	return Search(
		words=only(Word),
		eithers=tuple(eithers),
		facets=only(Facet),
		numbers=only(Number),
		periods=only(Period),
		notes=tuple(dict.fromkeys(notes)),
	)


def numbers(field: str, value: str) -> tuple[float | None, float | None]:
	"""`512`, `>512`, `>=30`, `30+`, `20..30` as the least and the most."""
	match = BOUND.match(value)
	if match is None:
		raise NotUnderstood(
			f'{field}: takes a number, such as {field}:30, {field}:>=30 or {field}:20..30.'
		)
	sign, number, tail, end = match.groups()
	low = float(number)
	step = 1e-9 if field in FRACTIONS else 1
	if tail == '+' or sign == '>=':
		return low, None
	if end is not None:
		return low, float(end)
	return {
		'>': (low + step, None),
		'<': (None, low - step),
		'<=': (None, low),
	}.get(sign or '=', (low, low))


def rating(value: str) -> tuple[str, ...]:
	low, high = numbers('rating', value)
	given = tuple(str(n) for n in range(6) if (low or 0) <= n <= (5 if high is None else high))
	if not given:
		raise NotUnderstood('Ratings go from 0 (none) to 5.')
	return given


def choice(key: Key, value: str) -> tuple[str, ...]:
	if key.kind == 'flag':
		if value.lower() in YES:
			return ('yes',)
		if value.lower() in NO:
			return ('no',)
		raise NotUnderstood(f'{key.name}: takes yes or no.')
	if key.choices is None:
		return (value,)
	if value.lower() not in key.choices:
		names = dict.fromkeys(key.choices.values())
		raise NotUnderstood(f'{key.name}: takes {" or ".join(names)}.')
	return (key.choices[value.lower()],)


def size(value: str) -> tuple[str, ...]:
	match = SIZE.match(value)
	if match is None:
		raise NotUnderstood('size: takes a width and a height, such as size:512x768.')
	return (f'{int(match[1])}x{int(match[2])}',)


def seed(value: str) -> tuple[str, ...]:
	plain = value.replace(' ', '').replace(',', '')
	if not re.fullmatch(r'-?\d{1,20}', plain):
		raise NotUnderstood('seed: takes a whole number, such as seed:7.')
	return (str(int(plain)),)


FACETS: dict[str, Callable[[str], tuple[str, ...]]] = {
	'rating': rating,
	'size': size,
	'seed': seed,
}


def period(field: str, value: str, negative: bool, today: date) -> Period:
	first, last = days(value.lower(), today)
	if field == 'after':
		return Period(first=first, negative=negative)
	if field == 'before':
		return Period(last=first - 1, negative=negative)
	return Period(first=first, last=last, negative=negative)


def days(value: str, today: date) -> tuple[int, int]:
	"""The first and the last day of a year, a month, a day or a word for one; since 1970."""
	try:
		match value.split('-'):
			case ['today']:
				first = last = today
			case ['yesterday']:
				first = last = today - timedelta(days=1)
			case ['week']:
				first, last = today - timedelta(days=today.weekday()), today
			case ['month']:
				first, last = today.replace(day=1), today
			case ['year']:
				first, last = today.replace(month=1, day=1), today
			case [year]:
				first, last = date(int(year), 1, 1), date(int(year), 12, 31)
			case [year, month]:
				end = calendar.monthrange(int(year), int(month))[1]
				first, last = date(int(year), int(month), 1), date(int(year), int(month), end)
			case _:
				first = last = date.fromisoformat(
					'-'.join(f'{int(part):02}' for part in value.split('-'))
				)
	except (ValueError, OverflowError, calendar.IllegalMonthError):
		raise NotUnderstood(
			f'{value[:40]} is not a date. Write 2026, 2026-11, 2026-11-25, today or yesterday.'
		) from None
	epoch = date(1970, 1, 1)
	return (first - epoch).days, (last - epoch).days
