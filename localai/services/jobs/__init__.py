"""Jobs, as verbs: the queue, and what the engine says of it."""
