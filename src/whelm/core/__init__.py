"""Floor 0: what every room stands on. See README.md for the reading order."""
