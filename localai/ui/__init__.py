"""The face for people: the only home of gradio, which is imported here once, quietly and without
its stub files.

Gradio writes a `.pyi` beside each of its modules whenever it is imported; finding out that nothing
changed takes half
of its import. It passes over classes whose file `inspect` cannot name (component_meta.py, 6.31), so
for this one
import `inspect` does not name them. Where a later Gradio works otherwise, the import is only
slower.
"""

import inspect
import os
import sys
from typing import Any

os.environ.setdefault('GRADIO_ANALYTICS_ENABLED', 'False')
os.environ.setdefault('GRADIO_RUN_HISTORY', 'False')


def import_gradio() -> None:
	named = inspect.getfile

	def getfile(object: Any) -> str:
		if sys._getframe(1).f_globals.get('__name__') == 'gradio.component_meta':
			raise OSError('not needed at run time')
		return named(object)

	inspect.getfile = getfile
	try:
		import gradio  # noqa: F401
	finally:
		inspect.getfile = named


import_gradio()
