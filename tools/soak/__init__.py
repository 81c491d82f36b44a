"""Works with a real LocalAI for hours, kills it at random moments, and holds it to what it said."""
