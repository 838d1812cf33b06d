"""One reader a format: bytes of one file to its texts. Each is a pure function `(content, name, limits) -> [Extract]`."""
