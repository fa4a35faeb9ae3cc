"""``python -m redshift_local``: the command ``redshift-local``."""

import sys

from redshift_local.cli import main

if __name__ == "__main__":
    sys.exit(main())
