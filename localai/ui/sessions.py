"""Knows that nobody has anything of its own in Gradio: one session stands for all."""

from gradio.state_holder import SessionState, StateHolder


class OneSession(StateHolder):
	"""Gradio copies what is on the page for each visitor and each call of a program, 100 kB, and where
	more than a limit come together anew with every message. Here no part of it has a state."""

	def __getitem__(self, session_id: str) -> SessionState:
		return super().__getitem__('')
