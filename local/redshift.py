"""``python -m local.redshift``: the stack's Redshift endpoint."""

from __future__ import annotations

import sys

from redshift_local.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
