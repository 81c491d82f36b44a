"""Where a request comes from: this computer only where nothing speaks against it."""

from ipaddress import ip_network

import pytest

from localai.api.callers import SIGNS, caller

HERE = '127.0.0.1'
NAMED = (ip_network('127.0.0.1'), ip_network('10.0.0.0/8'))


def whence(peer: str | None = HERE, headers: dict | None = None, proxies=(), **more):
	client = (peer, 5000) if peer is not None else None
	scope = {'client': client, 'server': ('192.168.1.7', 7860), 'http_version': '1.1', **more}
	local = scope.pop('local', True)
	return caller(scope, headers or {}, proxies, local)


class TestWithoutProxies:
	@pytest.mark.parametrize('peer', [HERE, '127.8.9.1', '::1', '::ffff:127.0.0.1', '192.168.1.7'])
	def test_this_computer(self, peer):
		assert whence(peer).here

	@pytest.mark.parametrize(
		'peer',
		[None, '', 'unknown', '_hidden', '192.168.1.9', 'fe80::1%eth0', 'localhost.evil.example'],
	)
	def test_everything_else(self, peer):
		assert not whence(peer).here

	@pytest.mark.parametrize('sign', sorted(SIGNS))
	@pytest.mark.parametrize('value', [HERE, 'unknown', '', 'for=127.0.0.1', '_hidden:7'])
	def test_any_sign_of_a_proxy_makes_a_stranger_whom_nobody_can_tell(self, sign, value):
		who = whence(HERE, {sign: value})
		assert not who.here and who.address == '' and not who.relayed

	def test_the_http_that_proxies_speak_and_no_browser_is_a_sign(self):
		assert not whence(http_version='1.0').here

	def test_in_an_open_container_no_address_says_anything(self):
		for peer in (HERE, '192.168.1.7'):
			assert not whence(peer, local=False).here


class TestNamedProxies:
	@pytest.mark.parametrize(
		('headers', 'address'),
		[
			({'x-forwarded-for': '9.9.9.9'}, '9.9.9.9'),
			({'x-forwarded-for': '127.0.0.1, 9.9.9.9'}, '9.9.9.9'),
			({'x-forwarded-for': '6.6.6.6, 9.9.9.9, 10.1.1.1'}, '9.9.9.9'),
			({'x-forwarded-for': '9.9.9.9:4711'}, '9.9.9.9'),
			({'x-forwarded-for': '[2001:db8::1]:4711'}, '2001:db8::1'),
			({'x-forwarded-for': '10.1.1.1,127.0.0.1'}, '10.1.1.1'),
			({'forwarded': 'for=6.6.6.6, for="[2001:db8::1]:80";proto=https'}, '2001:db8::1'),
			({'x-real-ip': '9.9.9.9'}, '9.9.9.9'),
			({'x-real-ip': '9.9.9.9', 'x-forwarded-for': '9.9.9.9'}, '9.9.9.9'),
			# What cannot be read, and what contradicts itself, is nobody.
			({}, ''),
			({'x-forwarded-for': ''}, ''),
			({'x-forwarded-for': 'unknown'}, ''),
			({'x-forwarded-for': '9.9.9.9, _hidden'}, ''),
			({'forwarded': 'proto=https'}, ''),
			({'forwarded': 'for=_gazonk'}, ''),
			({'x-real-ip': '9.9.9.9', 'x-forwarded-for': '6.6.6.6'}, ''),
		],
	)
	def test_they_say_for_whom_they_speak_and_nobody_behind_them_is_here(self, headers, address):
		who = whence(HERE, headers, NAMED)
		assert (who.here, who.address, who.relayed) == (False, address, True)

	def test_others_are_not_asked(self):
		who = whence('192.168.1.9', {'x-forwarded-for': HERE}, NAMED)
		assert (who.here, who.address, who.relayed) == (False, '', False)
		assert whence('192.168.1.9', {}, NAMED).address == '192.168.1.9'
