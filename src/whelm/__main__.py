"""`python -m whelm` is the command `whelm`."""

from __future__ import annotations

import sys

from whelm.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
