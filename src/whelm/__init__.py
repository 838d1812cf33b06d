"""whelm: from a folder of documents to a private assistant that answers from them, with citations and evidence of how good it is."""

__version__ = "0.1.0"
