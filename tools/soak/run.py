"""Knows the plan of a run: who works with the app, when it is killed, when it is held to what it said."""

import random
import threading
import time
import traceback
from pathlib import Path

from tools.soak import exchange, figures, visiting
from tools.soak.checking import check, rest
from tools.soak.deeds import DEEDS, Deed
from tools.soak.drawing import requests, undisturbed
from tools.soak.world import Unanswered, World

HANDS = 4
CHAOS = 0.6  # of the time of a soak; the rest is one long life
WARM = 0.3  # of that long life, until its memory counts
WAYS = ('kill', 'kill', 'kill', 'kill', 'terminate', 'interrupt')
SOAK, KILLS = 0, 1  # the columns of DEEDS
PAUSES = (0.6, 0.15)  # seconds between the deeds of a hand, by column
# Seconds of a call now and then, after which threads that nobody needs have ended: the server lets one
# end when the next is used.
QUIET = 30.0
BUSY = ('draw', 'take_in', 'take_in_folder', 'delete', 'restore', 'empty', 'fetch', 'mark')
UNANSWERED = 'every call is answered'
DONE = 'every deed ends as it should'


class Run:
	"""`many` is how many different pictures are asked for."""

	def __init__(self, world: World, seed: int, many: int = 8):
		self.world, self.seed = world, seed
		self.lot = random.Random(f'{seed} plan')
		world.asked = requests(random.Random(f'{seed} requests'), many)
		self.hands: list[threading.Thread] = []
		self.resting = threading.Event()
		self.lives = 0
		# What the hands are at, so that a kill can meet it.
		self.at: dict[str, int] = {}
		self.lines: list[str] = []

	# The main paths

	def begin(self) -> None:
		"""A first life in peace, which says what every picture looks like."""
		self.start()
		undisturbed(self.world, self.world.asked)
		rest(self.world)
		self.world.say(f'{len(self.world.asked)} requests were drawn undisturbed')

	def kill_under_load(self, kills: int) -> None:
		for number in range(1, kills + 1):
			known = len(self.world.wrong)
			# 1. Work, until the moment
			met = self.work_until_the_moment(self.lot.uniform(1, 6))
			# 2. The end, now and then another one of a command alone, or while it starts
			self.end('kill')
			if self.lot.random() < 0.2:
				exchange.take_in_alone(self.world, self.lot)
				self.world.count('command: kill')
				met += ', then a command alone'
			if self.lot.random() < 0.15:
				self.world.launch()
				time.sleep(self.lot.uniform(0.2, 4))
				self.end('kill')
				met += ', then while it started'
			# 3. A start, and everything is as it was told
			self.start()
			check(self.world)
			if number % 5 == 0:
				rest(self.world)
			said = 'clean' if len(self.world.wrong) == known else 'WRONG'
			self.world.say(f'kill {number} of {kills}, at {met}: {said}')

	def soak(self, seconds: float) -> None:
		end = time.monotonic() + seconds * CHAOS
		while time.monotonic() < end:
			self.work(SOAK, self.lot.uniform(15, 60))
			if self.lot.random() < 0.5:
				self.world.kill_engine()
				self.wait(self.lot.uniform(5, 30))
			if self.lot.random() < 0.3:
				self.rest()
			self.end(self.lot.choice(WAYS))
			self.start()
			check(self.world)
		self.live_long(seconds * (1 - CHAOS))

	def live_long(self, seconds: float) -> None:
		"""One life, whose engine alone is killed: does the app need more, the longer it lives?"""
		self.world.say('the long life begins')
		self.work(SOAK, seconds * WARM)
		before = self.at_rest()
		end = time.monotonic() + seconds * (1 - WARM)
		while time.monotonic() < end:
			self.work(SOAK, min(120.0, end - time.monotonic()))
			if self.lot.random() < 0.4:
				self.world.kill_engine()
		self.lines = figures.compare(self.world, before, self.at_rest())

	def finish(self) -> None:
		self.rest()
		self.world.end('terminate')

	# The app and the hands

	def start(self) -> None:
		self.world.launch()
		self.world.wait_ready()

	def end(self, way: str) -> None:
		self.world.end(way)
		self.rest_hands()

	def rest(self) -> None:
		self.rest_hands()
		rest(self.world)

	def at_rest(self) -> figures.Figures:
		"""What the app takes when nothing is done, with all its pools as large as they ever are."""
		self.rest()
		visiting.crowd(self.world)
		end = time.monotonic() + QUIET
		while time.monotonic() < end:
			self.world.call('/api/jobs')
			time.sleep(1)
		found = figures.of(self.world.running.process.pid)
		self.world.say(f'at rest: {found}')
		return found

	def work(self, column: int, seconds: float) -> None:
		self.start_hands(column)
		self.wait(seconds)

	def wait(self, seconds: float) -> None:
		end = time.monotonic() + seconds
		while time.monotonic() < end:
			if self.world.running.process.poll() is not None:
				log = self.world.running.log[-2000:]
				raise RuntimeError(f'the app ended by itself:\n{log}')
			time.sleep(0.1)

	def work_until_the_moment(self, seconds: float) -> str:
		"""Most moments lie in the middle of something. Returns what the hands are at."""
		self.work(KILLS, seconds)
		wanted, delay = self.lot.choice(BUSY), self.lot.choice((0.0, 0.01, 0.03, 0.1, 0.3))
		if self.lot.random() < 0.7:
			end = time.monotonic() + 5
			while not self.at.get(wanted) and time.monotonic() < end:
				time.sleep(0.001)
			time.sleep(delay * self.lot.random())
		return ', '.join(sorted(name for name, count in self.at.items() if count)) or 'nothing'

	def start_hands(self, column: int) -> None:
		if self.hands:
			return
		self.lives += 1
		self.resting.clear()
		for number in range(HANDS):
			lot = random.Random(f'{self.seed} {self.lives} {number}')
			hand = threading.Thread(target=self.work_on, args=(lot, column), daemon=True)
			self.hands.append(hand)
			hand.start()

	def rest_hands(self) -> None:
		self.resting.set()
		for hand in self.hands:
			hand.join(180)
			if hand.is_alive():
				self.world.fault(UNANSWERED, f'after 180 s a hand is at {self.at}')
		self.hands.clear()
		self.world.held[UNANSWERED] += 1
		self.world.held[DONE] += 1

	def work_on(self, lot: random.Random, column: int) -> None:
		weights = [weight[column] for weight in DEEDS.values()]
		while not self.resting.is_set() and not self.world.ending.is_set():
			(deed,) = lot.choices(list(DEEDS), weights)
			self.do(deed, random.Random(lot.random()))
			self.resting.wait(min(5.0, lot.expovariate(1 / PAUSES[column])))

	def do(self, deed: Deed, lot: random.Random) -> None:
		world, name = self.world, deed.__name__
		self.note(name, 1)
		try:
			deed(world, lot)
			world.count(f'deed: {name}')
		except Exception as error:
			if world.ending.is_set():
				world.count('deed: cut off')
			elif isinstance(error, Unanswered):
				world.fault(UNANSWERED, f'{name}: {error}')
			else:
				where = traceback.extract_tb(error.__traceback__)[-1]
				world.fault(DONE, f'{name}: {error!r} ({Path(where.filename).name}:{where.lineno})')
		finally:
			self.note(name, -1)

	def note(self, name: str, more: int) -> None:
		with self.world.lock:
			self.at[name] = self.at.get(name, 0) + more
