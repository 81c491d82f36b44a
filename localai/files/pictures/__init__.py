"""Pictures on the disk: written whole, read whoever drew them."""
