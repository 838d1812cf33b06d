"""Floor 8: the command line. See README.md for the reading order."""
