"""Knows how a route says for whom it is, and that none is left without a word."""

from fastapi import APIRouter, Depends, Request, params
from fastapi.routing import APIRoute

from localai.errors import StartProblem
from localai.schemas.visitors import Audience
from localai.services.visitors import check, visitor_of


class Door:
	"""Asked before anything that was sent is read."""

	def __init__(self, audience: Audience):
		self.audience = audience

	async def __call__(self, request: Request) -> None:
		check(visitor_of(request.headers), self.audience)


def open_to(audience: Audience) -> params.Depends:
	"""Stands in the `dependencies` of a router or of one route; the narrower counts."""
	return Depends(Door(audience))


def check_declared(routes: APIRouter) -> APIRouter:
	"""The same routes. Raises StartProblem with the one that does not say for whom it is."""
	for route in routes.routes:
		doors = route.dependencies if isinstance(route, APIRoute) else ()
		if not any(isinstance(door.dependency, Door) for door in doors):
			raise StartProblem(
				f'The route {getattr(route, "path", route)} does not say for whom it is.',
				'Put open_to(…) into its dependencies.',
			)
	return routes
