"""Documents: found in a folder, read by format, cut into blocks, freed of duplicates; and questions made from them."""
