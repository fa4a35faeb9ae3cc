"""``python -m aws_local``: the command ``aws-local``."""

import sys

from aws_local.cli import main

if __name__ == "__main__":
    sys.exit(main())
