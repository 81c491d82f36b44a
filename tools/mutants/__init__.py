"""Whether the tests would notice if a line of the core were wrong."""
