"""Mathematics only: architectures and heads, with no files, no tokenizers and no training loops."""
