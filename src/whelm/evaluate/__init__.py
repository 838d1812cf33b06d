"""Floor 5: how good an assistant is, on questions that nothing was chosen by. See README.md."""
