"""The face for people: the only home of gradio."""
