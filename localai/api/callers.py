"""Knows where a request comes from: from this computer, from an address, or from behind a proxy, of which
only those that are named may say for whom they speak."""

import ipaddress
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from starlette.types import Scope

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Headers = Mapping[str, str]

# What proxies, tunnels and hosts of apps add, each of which says that somebody else is behind them.
SPEAKERS = ('x-forwarded-for', 'forwarded', 'x-real-ip')
SIGNS = frozenset(
	(
		*SPEAKERS,
		'x-forwarded-host',
		'x-forwarded-proto',
		'x-forwarded-port',
		'x-forwarded-server',
		'x-forwarded-by',
		'x-forwarded-user',
		'x-original-forwarded-for',
		'x-original-host',
		'x-client-ip',
		'x-cluster-client-ip',
		'x-envoy-external-address',
		'x-proxied-host',
		'true-client-ip',
		'client-ip',
		'cf-connecting-ip',
		'cf-ray',
		'cdn-loop',
		'fastly-client-ip',
		'fly-client-ip',
		'tailscale-user-login',
		'via',
	)
)
# Only a named proxy may say by which name it was asked.
NAMING = ('x-forwarded-host', 'x-forwarded-prefix', 'x-forwarded-server', 'x-original-host')


class Caller(NamedTuple):
	"""`here` is somebody who sits at this computer. `address` tells one from another, and is '' where
	nobody can; `peer` is who holds the other end of the line. Only what came through a proxy that is
	named is `relayed`."""

	here: bool
	address: str
	peer: str
	relayed: bool


def caller(
	scope: Scope, headers: Headers, proxies: Iterable[Network] = (), local: bool = True
) -> Caller:
	"""Where nobody can tell, it is not this computer. `local` is false where an address of this computer
	says nothing, as in a container that is open to the network."""
	client, server = scope.get('client'), scope.get('server')
	peer = address_of(str(client[0])) if client else None
	if peer is None:
		return Caller(False, '', '', False)
	if any(peer in network for network in proxies):
		return Caller(False, behind(headers, proxies), str(peer), True)
	if scope.get('http_version') == '1.0' or not SIGNS.isdisjoint(headers):
		return Caller(False, '', str(peer), False)
	own = peer.is_loopback or (server is not None and peer == address_of(str(server[0])))
	return Caller(local and own, str(peer), str(peer), False)


def behind(headers: Headers, proxies: Iterable[Network]) -> str:
	"""For whom a named proxy speaks; '' where it does not say so, or says more than one thing."""
	told = {last_of(name, headers[name], proxies) for name in SPEAKERS if name in headers}
	return told.pop() if len(told) == 1 else ''


def last_of(name: str, value: str, proxies: Iterable[Network]) -> str:
	"""The nearest that is not one of the proxies: what stands before it may be made up."""
	parts = value.split(',')
	if name == 'forwarded':
		parts = [for_of(part) for part in parts]
	nearest = None
	for part in reversed(parts):
		nearest = address_of(part)
		if nearest is None:
			return ''
		if not any(nearest in network for network in proxies):
			break
	return str(nearest)


def for_of(element: str) -> str:
	"""`for="[2001:db8::1]:80";proto=https` as `[2001:db8::1]:80`."""
	for pair in element.split(';'):
		key, _, value = pair.strip().partition('=')
		if key.casefold() == 'for':
			return value.strip('"')
	return ''


@lru_cache(1000)
def address_of(text: str) -> Address | None:
	"""Also with a port, as proxies write it; one of IPv4 that is written as one of IPv6 is that of IPv4."""
	text = text.strip().partition('%')[0]
	if text.startswith('['):
		text = text[1:].partition(']')[0]
	elif text.count(':') == 1:
		text = text.partition(':')[0]
	try:
		address = ipaddress.ip_address(text)
	except ValueError:
		return None
	return getattr(address, 'ipv4_mapped', None) or address
