"""Command line of the data room: ``python -m local.data generate|load|truth``."""

from shop_data.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
