"""An example of a run's window, the variable ``load`` that templates of SQL are rendered with outside a run."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

from ecommerce_dwh.contracts import SourceContract, source_table


def example_load(contracts: Mapping[str, SourceContract]) -> SimpleNamespace:
    """The attributes of `ecommerce_dwh.window.LoadWindow` that templates use, for a run of three days.

    Args:
        contracts: contracts of the sources, by name; a `LoadWindow` has those of the deployment's settings instead.
    """
    return SimpleNamespace(
        start_date="2026-01-01",
        end_date="2026-01-03",
        run_id="scheduled__2026-01-01T02:00:00+00:00",
        run_key="scheduled__2026-01-01T02-00-00-00-00",
        processed_bucket="ecommerce-dwh-dev-processed",
        copy_iam_role="default",
        business_timezone="Asia/Kolkata",
        reporting_currency="INR",
        sources=tuple(source_table(contract) for contract in contracts.values()),
    )
