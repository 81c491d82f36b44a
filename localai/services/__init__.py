"""The verbs: one file per noun; plain Python, no gradio, torch, SQL or HTTP."""
