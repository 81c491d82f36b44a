"""History, as verbs: found, marked, put away, taken in, handed on, held true."""
