"""The disk: pictures, thumbnails, metadata text, checkpoint headers, safe paths."""
