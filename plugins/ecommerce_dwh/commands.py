"""What the package's commands share."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_airflow() -> Iterator[None]:
    """Keep Airflow's log lines out of a command's answer: they go to standard output; errors go to standard error."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        logging.disable(before)
