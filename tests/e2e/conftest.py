"""A whole local stack for the end-to-end tests: its own home and ports, so that a person's stack is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack.ports import separate_config
from tests.e2e.support import FIRST_DAY, LAST_DAY, LocalStack, generate


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three generated days as files."""
    folder = tmp_path_factory.mktemp("raw") / "raw"
    generate(folder, FIRST_DAY, LAST_DAY)
    return folder


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, raw: Path) -> Iterator[LocalStack]:
    """A stack into whose warehouse the real scheduler has loaded the three days."""
    with pytest.MonkeyPatch.context() as environ:
        # Nothing waits for long: these limits hold for all runs, also for those that must miss them.
        environ.setenv("AIRFLOW__ECOMMERCE_DWH__RAW_TIMEOUT_MINUTES", "1")
        environ.setenv("AIRFLOW__ECOMMERCE_DWH__DEADLINE_MINUTES", "0")
        running = LocalStack(separate_config(tmp_path_factory.mktemp("stack") / "home"))
        try:
            running.stack.up()
            running.land(raw)
            running.bootstrap()
            running.load(FIRST_DAY, LAST_DAY)
            yield running
        finally:
            running.stack.down()
