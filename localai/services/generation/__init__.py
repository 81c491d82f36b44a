"""Generation, as verbs: a request becomes a job, a task, a saved picture."""
