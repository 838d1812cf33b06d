"""From a question to the passages that may answer it: chunks, vectors, index, search and fusion."""
