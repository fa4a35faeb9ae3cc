"""``python -m shop_data``: the command ``shop-data generate|load|truth``."""

from shop_data.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
