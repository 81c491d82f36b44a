"""Knows what the Hardware tab asks of the services: the engine and the memory now."""

from collections.abc import Callable

from localai.studio import Studio
from localai.ui.components import Answer, said
from localai.ui.tabs import Tab
from localai.ui.visitors import open_to


def functions(studio: Studio) -> list[Callable]:
	@open_to('anyone')
	def ui_hardware(given: dict) -> Answer:
		engine, memory = studio.hardware.report()
		return {'engine': said(engine), 'memory': said(memory)}

	return [ui_hardware]


TAB = Tab('hardware', 'Hardware', ('hardware',), functions)
