"""Knows what the Hardware tab asks of the services: the engine and the memory now."""

from collections.abc import Callable

from localai.ui.components import Answer, answer, said


def functions(studio) -> list[Callable]:
	@answer
	def ui_hardware(given: dict) -> Answer:
		engine, memory = studio.hardware.report()
		return {'engine': said(engine), 'memory': said(memory)}

	return [ui_hardware]
