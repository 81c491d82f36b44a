"""Wrong passwords: counted for each address, never against who sits here."""

import base64

from localai.api.callers import Caller
from localai.api.passwords import FREE, LONGEST, REMEMBERED, Passwords

HERE = Caller(True, '127.0.0.1', '127.0.0.1', False)


def from_(address: str) -> Caller:
	return Caller(False, address, address, False)


def basic(password: str) -> str:
	return f'Basic {base64.b64encode(f"any:{password}".encode()).decode()}'


class Clock:
	now = 1000.0

	def __call__(self) -> float:
		return self.now


class TestPasswords:
	def setup_method(self):
		self.clock = Clock()
		self.passwords = Passwords('sécret', self.clock)

	def guess(self, who: Caller, times: int) -> None:
		for _ in range(times):
			assert not self.passwords.right(basic('wrong'), who)

	def test_what_is_right(self):
		assert self.passwords.right(basic('sécret'), from_('9.9.9.9'))
		for wrong in (
			'',
			'Basic',
			'Basic !!!',
			'Bearer x',
			'Basic YQ==',
			basic('secret'),
			'Basic é',
		):
			assert not self.passwords.right(wrong, HERE), wrong

	def test_ten_thousand_wrong_ones_cost_the_owner_nothing(self):
		for number in range(10_000):
			self.guess(from_(f'10.0.{number // 250}.{number % 250}'), 1)
		self.guess(from_('9.9.9.9'), 1000)
		self.guess(HERE, 1000)
		assert self.passwords.right(basic('sécret'), HERE)
		assert self.passwords.right(basic('sécret'), from_('8.8.8.8'))
		assert len(self.passwords.wrong) <= REMEMBERED

	def test_who_guesses_waits_longer_each_time(self):
		who, waits = from_('9.9.9.9'), []
		self.guess(who, FREE - 1)
		assert self.passwords.wait(who) == 0
		for _ in range(9):
			self.guess(who, 1)
			waits.append(self.passwords.wait(who))
			assert not self.passwords.right(basic('sécret'), who)  # not even looked at
			self.clock.now += waits[-1]
		assert waits == [1, 2, 4, 8, 16, 32, 60, 60, LONGEST]
		assert self.passwords.right(basic('sécret'), who)

	def test_a_right_one_beside_the_guesses_does_not_help_who_guesses(self):
		who = from_('9.9.9.9')
		for _ in range(FREE):
			self.passwords.right(basic('sécret'), who)
			self.guess(who, 1)
		assert self.passwords.wait(who)

	def test_a_network_of_ipv6_is_one_address(self):
		for number in range(FREE):
			self.guess(from_(f'2001:db8::{number}'), 1)
		assert self.passwords.wait(from_('2001:db8::ffff')) == 1
		assert self.passwords.wait(from_('2001:db8:0:1::1')) == 0
