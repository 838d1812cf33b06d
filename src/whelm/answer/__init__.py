"""Floor 4: from a question to a grounded, cited answer or a refusal. See README.md."""
