"""Knows how a test comes to the app: from the computer that it runs on, or as a stranger over the
network. Both pass the guard, as everybody does."""

from fastapi.testclient import TestClient

from localai.api.guard import Guard

HERE, STRANGER = '127.0.0.1', '192.168.1.9'


def visit(app, address: str, host: str = '192.168.1.7', **options) -> TestClient:
	"""The app as somebody at that address sees it; `options` are those of the guard."""
	guarded = Guard(app, network=True, **options)
	return TestClient(guarded, base_url=f'http://{host}:7860', client=(address, 1))


def at_home(app) -> TestClient:
	return visit(app, HERE, HERE)


def over_the_network(app) -> TestClient:
	return visit(app, STRANGER)
