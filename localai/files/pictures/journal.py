"""Knows the marks of pictures as a file beside them: a line for each change, so that a lost database
takes no favourite, tag or note with it."""

import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import ValidationError

from localai.files.pictures.writing import write_whole
from localai.schemas.base import UNREAD
from localai.schemas.history import Marks

log = logging.getLogger('localai.history')
NAME = 'marks.jsonl'
SPARE = 5000  # lines that are of no use any more until the file is written anew


class Journal:
	"""The last line of a picture counts; paths are relative to the pictures folder. What a later
	version wrote of a picture beside the marks that are known here stays."""

	def __init__(self, folder: Path):
		self.path = folder / NAME
		self.lock = threading.Lock()

	def add(self, marked: Mapping[str, Marks]) -> None:
		"""Raises nothing: the database has the marks, this is its second memory."""
		lines = ''.join(line(path, marks) for path, marks in marked.items())
		try:
			with self.lock:
				self.append(lines)
		except OSError as error:
			log.warning('the marks could not be written next to the pictures: %s', error)

	def append(self, lines: str) -> None:
		with open(self.path, 'a+b') as file:
			if file.tell():
				file.seek(-1, os.SEEK_END)
				# A line that was cut off must not take this one with it.
				if file.read(1) != b'\n':
					lines = '\n' + lines
			file.write(lines.encode())
			file.flush()
			os.fsync(file.fileno())

	def read(self) -> dict[str, Marks]:
		"""By path. A line that was cut off or damaged is passed over."""
		found: dict[str, Marks] = {}
		try:
			with open(self.path, encoding='utf-8', errors='replace') as file:
				for text in file:
					try:
						fields = dict(json.loads(text))
						path = str(fields.pop('path'))
						marks = Marks.model_validate(fields)
						if UNREAD not in marks.others:
							found[path] = with_others(marks, found.get(path))
					except (ValueError, KeyError, TypeError, RecursionError, ValidationError):
						continue
		except FileNotFoundError:
			pass
		return found

	def settle(self, known: Callable[[], Mapping[str, Marks]]) -> None:
		"""Writes the file anew with only what counts, where much of it does not; otherwise adds what
		it lacks, as of files that were moved. `known` tells what the database knows, all of it; it
		is asked while nobody writes here."""
		with self.lock:
			written = self.read()
			marked = {p: with_others(m, written.get(p)) for p, m in known().items()}
			try:
				with open(self.path, 'rb') as file:
					lines = sum(1 for _ in file)
			except FileNotFoundError:
				lines = 0
			if lines > len(marked) + SPARE or (marked and not lines):
				text = ''.join(line(path, marks) for path, marks in marked.items())
				write_whole(self.path, text.encode())
				return
			lacking = {p: m for p, m in marked.items() if written.get(p) != m}
			if lacking:
				self.append(''.join(line(path, marks) for path, marks in lacking.items()))


def with_others(marks: Marks, written: Marks | None) -> Marks:
	"""With what was written before and has no field here."""
	others = written.others if written else {}
	return Marks.model_validate(others | marks.model_dump()) if others else marks


def line(path: str, marks: Marks) -> str:
	return json.dumps({'path': path} | marks.model_dump(mode='json'), ensure_ascii=True) + '\n'
