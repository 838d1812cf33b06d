"""Weights and tokenizers in and out: where they may lie, whether they are the right ones, how to read them."""
