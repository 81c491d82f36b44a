"""LocalAI turns words into pictures on the user's own machine."""

__version__ = '0.1.0'
