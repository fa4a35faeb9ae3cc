"""The pytest fixture ``redshift_local``: one endpoint for the whole session.

Installed with the package (entry point ``pytest11``), so a test only names the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from redshift_local.testing import RunningEndpoint


@pytest.fixture(scope="session")
def redshift_local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEndpoint]:
    """A Redshift endpoint on a free port with an empty warehouse."""
    from redshift_local.testing import running  # late import: every session loads this plugin, few use it

    with running(tmp_path_factory.mktemp("redshift-local")) as endpoint:
        yield endpoint
