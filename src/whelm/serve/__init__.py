"""Floor 7: the assistant over HTTP and in the browser. See README.md."""
