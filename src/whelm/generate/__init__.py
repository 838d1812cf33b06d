"""Floor 2: from messages to text. See README.md."""
