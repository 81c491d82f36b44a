"""Downloads, as verbs: what is fetched, in which order, and how it goes."""
