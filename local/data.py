"""``python -m local.data``: the generator of the shop's data."""

from __future__ import annotations

import sys

from shop_data.cli import main

if __name__ == "__main__":
    sys.exit(main())
