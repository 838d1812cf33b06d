"""Floor 1: how good is it? Pure functions of numbers and texts; see README.md for the reading order."""
