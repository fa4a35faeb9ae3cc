"""Shared parts of the commands of the package."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_airflow() -> Iterator[None]:
    """Keep Airflow's own log out of a command's output: errors go to standard error, the rest nowhere.

    To be entered before Airflow's hooks are imported: Airflow reads its log level once.
    """
    before = logging.root.manager.disable
    os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "ERROR")
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
