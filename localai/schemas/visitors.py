"""Knows who may come, and for whom a door can be."""

from typing import Literal, get_args

from localai.schemas.base import Schema

# Each may what those before it may. A stranger gave no password, and does not sit here.
Role = Literal['stranger', 'member', 'owner']
Audience = Literal['anyone', 'signed_in', 'owner']
LEAST: dict[Audience, Role] = {'anyone': 'stranger', 'signed_in': 'member', 'owner': 'owner'}
ROLES: tuple[Role, ...] = get_args(Role)


class Visitor(Schema):
	"""Who asks. `name` tells one from another; nobody is shown it."""

	role: Role = 'stranger'
	name: str = ''

	def may(self, audience: Audience) -> bool:
		return ROLES.index(self.role) >= ROLES.index(LEAST[audience])


OWNER, STRANGER = Visitor(role='owner'), Visitor()
