"""One reader a format: the bytes of a file to texts, each a pure function `(content, name, limits) -> [Extract]`."""
