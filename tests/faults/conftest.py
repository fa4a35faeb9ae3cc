"""One stack for all fault tests, with one day loaded and the next one delivered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack.ports import separate_config
from tests.e2e.support import FIRST_DAY, generate
from tests.faults.days import SECOND_DAY
from tests.faults.support import FaultStack


@pytest.fixture(scope="session")
def _stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultStack]:
    running = FaultStack(separate_config(tmp_path_factory.mktemp("stack") / "home"))
    try:
        running.stack.up()
        raw = tmp_path_factory.mktemp("raw") / "raw"
        generate(Path(raw), FIRST_DAY, SECOND_DAY, lines=800)
        running.land(raw)
        running.bootstrap()
        running.finish(running.start_run(FIRST_DAY))
        running.snapshot()
        yield running
    finally:
        running.stack.down()


@pytest.fixture
def stack(_stack: FaultStack) -> Iterator[FaultStack]:
    """The stack with `FIRST_DAY` loaded and published and `SECOND_DAY` lying in the raw bucket.

    After the test the warehouse is put back; files in the buckets and Airflow's runs stay.
    """
    yield _stack
    _stack.restore()


@pytest.fixture(scope="session")
def wanted(_stack: FaultStack) -> dict[str, bytes]:
    """The warehouse after an undisturbed run of `SECOND_DAY`."""
    _stack.finish(_stack.start_run(SECOND_DAY))
    found = _stack.dump()
    _stack.restore()
    return found
