"""Knows the page as a whole: its parts in reading order, the one event that follows, and how it is
mounted."""

import warnings
from collections.abc import Callable
from pathlib import Path

import gradio as gr
from gradio.routes import App
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount

from localai.studio import Studio
from localai.ui import downloads, endpoints, generation, hardware, history, models
from localai.ui.asking import Asking
from localai.ui.assets import STATIC, Assets
from localai.ui.catalog import catalog
from localai.ui.components import Answer, part
from localai.ui.endpoints.doors import guarded
from localai.ui.failures import Failures
from localai.ui.files import Files
from localai.ui.opening import Opening
from localai.ui.routes import close
from localai.ui.sessions import OneSession
from localai.ui.theme import head, theme
from localai.ui.uploads import Uploads
from localai.ui.visitors import doors, for_page

# In the order of the header. Another tab is one more here, with its module and its folder in static/.
TABS = (generation.TAB, models.TAB, downloads.TAB, history.TAB, hardware.TAB)
THREADS = 120


def functions(studio: Studio) -> list[Callable[..., Answer]]:
	"""What the scripts of the page may call, each by its name."""
	return [function for tab in TABS for function in tab.functions(studio)]


def build(studio: Studio, prefix: str = '') -> gr.Blocks:
	"""The page over a studio. It has few components: what they show is drawn by our own scripts, which
	are served below `prefix`."""
	with gr.Blocks(title='LocalAI', analytics_enabled=False, fill_width=True) as demo:
		part('page/header', prefix)
		# Their own bar is hidden, since the header has one. Gradio makes what is in a tab when
		# it is first opened.
		with gr.Tabs(elem_id='rooms', overflow_behavior='wrap'):
			for tab in TABS:
				room = f'room-{tab.name}'
				with gr.Tab(tab.title, id=tab.name, elem_id=room):
					for name in tab.parts:
						part(f'{tab.name}/{name}', prefix)
		part('page/dialogs', prefix)
		for tab in TABS:
			for name in tab.over:
				part(f'{tab.name}/{name}', prefix)
		# The last, so that nothing is told before all are there to hear it.
		wire = part('page/wire', prefix, [for_page(function) for function in functions(studio)])
		demo.load(
			guarded(generation.follower(studio)),
			outputs=wire,
			api_name='ui_follow',
			api_visibility='private',
			show_progress='hidden',
			concurrency_limit=None,
		).then(
			None,
			js=f"() => import(new URL('{prefix}/page/wire.js', document.baseURI)).then((wire) => wire.lose())",
			api_name='ui_ended',
			api_visibility='private',
		)
	# Programs ask for these by name; with a page of their own they do not travel with ours.
	with demo.route('Endpoints', show_in_navbar=False):
		endpoints.add(studio)
	demo.max_threads = THREADS
	demo.queue(default_concurrency_limit=16, max_size=200, api_open=False)
	return demo


def mount(app: Starlette, studio: Studio, path: str = '/', **options: object) -> Starlette:
	"""Puts the page into a FastAPI app; include the app's own routes before. Returns the app."""
	settings = studio.settings
	tabs = [
		{'id': tab.name, 'title': tab.title, 'parts': tab.parts, 'asks': tab.asks} for tab in TABS
	]
	known = catalog() | {'tabs': tabs, 'doors': doors(functions(studio))}
	assets = Assets(known)
	app.mount(f'{path.rstrip("/")}/{assets.room}', assets)
	app.add_middleware(Opening, path=path, head=head(assets.head))
	app.add_middleware(Files, prefix=path.rstrip('/'))
	# No other website may read anything here; Gradio, left to itself, lets each one in by its name.
	app.add_middleware(CORSMiddleware, allow_origins=())
	demo = build(studio, assets.prefix)
	# As when Gradio starts a page itself: only then it takes no other files than those that were sent.
	demo.has_launched = True
	with warnings.catch_warnings():
		# With a second page it says that it does without a server of Node, which nobody asked for.
		warnings.filterwarnings('ignore', 'SSR mode', UserWarning)
		gr.mount_gradio_app(
			app,
			demo,
			path=path,
			theme=theme(),
			show_error=False,
			run_history=False,
			enable_monitoring=False,
			footer_links=[],
			max_file_size='64mb',
			favicon_path=str(STATIC / 'page' / 'icon.svg'),
			# It serves no file of this machine; these would stay closed if it did.
			blocked_paths=[str(settings.home), str(settings.models)],
			app_kwargs={'openapi_url': None},
			**options,
		)
	names = frozenset(function.__name__ for function in functions(studio))
	shield(app, demo, path.rstrip('/'), names, settings.uploads)
	close(app, path.rstrip('/'))
	return app


def shield(
	app: Starlette, demo: gr.Blocks, prefix: str, names: frozenset[str], uploads: Path
) -> None:
	"""Gradio is asked only what it can answer, and answers errors as our own routes do. `names` are the
	functions of the page."""
	page = app.routes[-1]
	assert isinstance(page, Mount) and isinstance(page.app, App)
	page.app.exception_handlers.update(app.exception_handlers)
	page.app.uploaded_file_dir = str(uploads)
	page.app.state_holder = OneSession()
	page.app.state_holder.set_blocks(demo)
	app.state.hush = page.app.stop_event.set  # ends what only keeps a line open
	wire = next(i for i, b in demo.blocks.items() if getattr(b, 'elem_id', None) == 'wire')
	asking = Asking(page.app, demo, (wire, names), prefix)
	page.app = Failures(Uploads(asking, uploads, prefix))
