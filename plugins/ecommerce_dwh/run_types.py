"""How a DAG run came to be."""

from __future__ import annotations

from typing import Any


def run_type(dag_run: Any) -> str:
    """``scheduled``, ``manual``, ``backfill``, ``operator_triggered`` …; empty where it is unknown.

    Airflow gives tasks a member of an enumeration and callbacks its text.
    """
    found = getattr(dag_run, "run_type", "")
    return str(getattr(found, "value", found))
