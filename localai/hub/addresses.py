"""Knows which addresses a link may lead to: those of the open internet."""

import ipaddress
import socket
from collections.abc import Callable

from localai.errors import HubUnreachable, LinkRefused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Addresses of version 6 that wrap one of version 4 (RFC 6052, 3056, 4380): who knows what opens them.
WRAPPERS = tuple(
	map(ipaddress.ip_network, ('64:ff9b::/96', '64:ff9b:1::/48', '2002::/16', '2001::/32'))
)


class Gate:
	"""`places` gives the checked addresses of a name; connections are made to these, so that a name cannot
	lead elsewhere a moment later. `allow_local` lets loopback through, for tests."""

	def __init__(
		self, allow_local: bool = False, resolve: Callable[[str, int], list[str]] | None = None
	):
		self.allow_local = allow_local
		self.resolve = resolve or look_up

	def places(self, host: str, port: int) -> list[str]:
		"""Raises LinkRefused when one of the addresses is not of the open internet, HubUnreachable when there is none."""
		found = self.resolve(host, port)
		for text in found:
			address = ipaddress.ip_address(text.partition('%')[0])
			if not is_open(address) and not (self.allow_local and address.is_loopback):
				raise LinkRefused(
					f'{host} is an address on this computer or on a private network.',
					'Use a link on the public internet.',
				)
		return found

	def local(self, host: str, port: int) -> bool:
		"""Whether this is loopback and nothing else."""
		found = self.resolve(host, port)
		return all(ipaddress.ip_address(t.partition('%')[0]).is_loopback for t in found)


def look_up(host: str, port: int) -> list[str]:
	try:
		found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
	except (OSError, UnicodeError) as error:
		raise HubUnreachable(
			f'{host} cannot be found.', 'Check the link and the network.'
		) from error
	return list(dict.fromkeys(str(f[4][0]) for f in found))


def is_open(address: Address) -> bool:
	"""Not private, loopback, link-local, multicast, reserved, unique-local, shared (RFC 6598) or mapped."""
	if address.is_multicast or address.is_reserved or address.is_unspecified:
		return False
	if address.version == 6 and (
		address.ipv4_mapped is not None
		or address.is_site_local
		or any(address in w for w in WRAPPERS)
	):
		return False
	return address.is_global
