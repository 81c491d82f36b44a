"""Hardware, as verbs: how the machine is, and what fits it."""
