"""Weights on the disk: what a file is, told from its header and its names."""
