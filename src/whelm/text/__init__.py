"""Floor 1: text before it becomes numbers; see README.md for the reading order."""
