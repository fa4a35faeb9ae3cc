"""One warehouse for all histories: the Redshift endpoint on embedded PostgreSQL, emptied before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import worlds
from harness import Warehouse
from serving import running_warehouse

worlds.profiles()


@pytest.fixture(scope="session")
def _warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with running_warehouse(tmp_path_factory.mktemp("warehouse")) as running:
        yield running


@pytest.fixture
def warehouse(_warehouse: Warehouse) -> Warehouse:
    """The warehouse as bootstrap leaves it."""
    _warehouse.reset()
    return _warehouse
