"""``python -m local.data generate|load|truth``: the shop's raw files in the product's raw bucket.

The command is `shop_data.cli`; the product gives the bucket, the stack gives the endpoint.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from local.config import load_config
from shop_data import cli
from shop_data.load import LoadedRange


def _raw_bucket() -> str:
    from local.product import get_settings  # late import: only needed without --to

    return f"s3://{get_settings().bucket('raw')}"


def _next_step(loaded: LoadedRange) -> str:
    return (
        f"Next: run ecommerce_dwh_daily with start_date={loaded.start} and end_date={loaded.end} "
        "(`make load-sample SAMPLE=<folder>` lands and runs in one go)."
    )


SURROUNDINGS = cli.Surroundings(
    program="local.data",
    raw_bucket=_raw_bucket,
    advice=" (`make up` starts the stack, which makes the bucket)",
    next_step=_next_step,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command against the stack's endpoint, unless the environment names another one."""
    for name, value in load_config().aws_environ().items():
        os.environ.setdefault(name, value)
    return cli.main(arguments, SURROUNDINGS)


if __name__ == "__main__":
    sys.exit(main())
