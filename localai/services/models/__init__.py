"""Models, as verbs: what there is, what it is, and what is done with it."""
