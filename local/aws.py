"""``python -m local.aws``: the stack's AWS endpoint."""

from __future__ import annotations

import sys

from aws_local.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
