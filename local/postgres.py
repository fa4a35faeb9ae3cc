"""``python -m local.postgres``: the stack's embedded PostgreSQL."""

from __future__ import annotations

import sys

from redshift_local.postgres import *  # noqa: F403
from redshift_local.postgres import main

if __name__ == "__main__":
    sys.exit(main())
