"""Knows the network: finding and fetching models; the only home of huggingface_hub."""
