"""The window of days that a run loads, and how SQL and Glue arguments see it.

A scheduled run loads the day that ended. A person may give a range with the Params ``start_date`` and
``end_date``; the run then loads all of its days with the same tasks and the same code.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lazy_object_proxy
from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException

from ecommerce_dwh.contracts import SourceTable, load_contracts, source_table
from ecommerce_dwh.run_types import run_type
from ecommerce_dwh.settings import Settings, get_settings

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context

MAX_DAYS = 4000
_UNSAFE_IN_KEY = re.compile(r"[^A-Za-z0-9._-]")


@cache
def source_tables(folder: Path) -> tuple[SourceTable, ...]:
    """The sources of the contracts in a folder; read when a template first asks for them."""
    return tuple(source_table(contract) for contract in load_contracts(folder).values())


class WindowError(AirflowFailException):
    """The requested days cannot be loaded; a retry would not help, so the task fails at once."""


@dataclass(frozen=True)
class LoadWindow:
    """The days of a run, and the places of its files.

    Templates see it as ``load``: ``{{ load.start_date }}``, ``{{ load.run_key }}``, …

    Attributes:
        start_date: first day, ``YYYY-MM-DD``.
        end_date: last day, included.
        run_id: Airflow's run id.
        run_key: the run id in the characters that S3 keys and file names bear everywhere.
        raw_bucket: bucket of the delivered files.
        processed_bucket: bucket of the Glue jobs' output.
        copy_iam_role: value of ``IAM_ROLE`` in a COPY: ``default`` or a quoted ARN.
    """

    start_date: str
    end_date: str
    run_id: str
    run_key: str
    raw_bucket: str
    processed_bucket: str
    copy_iam_role: str

    @property
    def sources(self) -> tuple[SourceTable, ...]:
        """The sources, for SQL that does the same for each."""
        return source_tables(get_settings().sources_dir)

    @property
    def business_timezone(self) -> str:
        """The setting, for SQL that makes a day of an instant."""
        return get_settings().business_timezone

    @property
    def reporting_currency(self) -> str:
        """The setting, for SQL that decides what counts as revenue."""
        return get_settings().reporting_currency

    @property
    def days(self) -> tuple[str, ...]:
        """Every day of the window in order."""
        first, last = date.fromisoformat(self.start_date), date.fromisoformat(self.end_date)
        return tuple((first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1))

    def __str__(self) -> str:
        if self.start_date == self.end_date:
            return self.start_date
        return f"{self.start_date} … {self.end_date} ({len(self.days)} days)"


def run_key(run_id: str) -> str:
    """The run id with every character outside ``[A-Za-z0-9._-]`` replaced by ``-``."""
    return _UNSAFE_IN_KEY.sub("-", run_id)


def window_params() -> dict[str, Param]:
    """The Params of a DAG that loads days, typed for the trigger form and the API."""
    return {
        "start_date": Param(
            default=None,
            type=["null", "string"],
            format="date",
            title="First day",
            description="First day to load (YYYY-MM-DD). Empty: the day that ended before this run.",
        ),
        "end_date": Param(
            default=None,
            type=["null", "string"],
            format="date",
            title="Last day",
            description="Last day to load, included. Empty: the same as the first day.",
        ),
    }


def resolve_window(
    *,
    run_id: str,
    run_after: datetime,
    data_interval_start: datetime | None = None,
    manual_date: datetime | None = None,
    partition_key: str | None = None,
    params: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
) -> LoadWindow:
    """Decide which days a run loads.

    Args:
        run_id: Airflow's run id.
        run_after: when the run was due; nothing after this day can be loaded.
        data_interval_start: start of the run's data interval; its date is the day that ended.
        manual_date: logical date that a person gave the run; its day is loaded when it was over by then. A run that is
            triggered without a thought has the present as its logical date, and loads the day before.
        partition_key: the day of the raw files that started the run, where assets did.
        params: the run's Params; ``start_date`` and ``end_date`` override the interval.
        settings: deployment settings, the process's own when not given.

    Raises:
        WindowError: a date cannot be read, the range is reversed, too long, or lies in the future.
    """
    settings = settings or get_settings()
    given = [
        _read_date(name, value)
        for name in ("start_date", "end_date")
        if (value := (params or {}).get(name)) not in (None, "")
    ]
    if given:
        first, last = given[0], given[-1]
    elif partition_key:
        first = last = _read_date("partition_key", partition_key)
    elif manual_date is not None and manual_date.astimezone(UTC).date() < run_after.astimezone(UTC).date():
        first = last = manual_date.astimezone(UTC).date()
    elif manual_date is not None:
        first = last = run_after.astimezone(UTC).date() - timedelta(days=1)
    elif data_interval_start is not None:
        first = last = data_interval_start.astimezone(UTC).date()
    else:  # a run without a logical date: the last day that was over when it was due
        first = last = run_after.astimezone(UTC).date() - timedelta(days=1)

    if last < first:
        raise WindowError(f"end_date {last} lies before start_date {first}; swap them")
    newest = run_after.astimezone(UTC).date()
    if last > newest:
        raise WindowError(
            f"end_date {last} lies in the future of this run (due {newest}); end at {newest} or earlier"
        )
    if (last - first).days >= MAX_DAYS:
        raise WindowError(
            f"{first} … {last} is {(last - first).days + 1} days; "
            f"one run loads at most {MAX_DAYS}, so split the range"
        )
    role = settings.copy_iam_role
    return LoadWindow(
        start_date=first.isoformat(),
        end_date=last.isoformat(),
        run_id=run_id,
        run_key=run_key(run_id),
        raw_bucket=settings.raw_bucket,
        processed_bucket=settings.processed_bucket,
        copy_iam_role=role if role == "default" else f"'{role}'",
    )


def _read_date(name: str, value: Any) -> date:
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(value)):
            raise ValueError(value)
        return date.fromisoformat(str(value))
    except ValueError:
        raise WindowError(f"{name} is {value!r}; give a day as YYYY-MM-DD") from None


def load_window(context: Context) -> LoadWindow:
    """The window of the run that ``context`` belongs to.

    Raises:
        WindowError: as `resolve_window`, and for a run whose conf has keys that its DAG does not know.
    """
    dag_run = context["dag_run"]
    _check_conf(getattr(dag_run, "conf", None), getattr(context.get("dag"), "params", None))
    return window_of(dag_run, context.get("params"))


def window_of(dag_run: Any, params: Mapping[str, Any] | None) -> LoadWindow:
    """The window of a run.

    Args:
        dag_run: the run, as Airflow gives it to tasks and callbacks.
        params: its Params.

    Raises:
        WindowError: as `resolve_window`.
    """
    is_manual = run_type(dag_run) == "manual"
    return resolve_window(
        run_id=dag_run.run_id,
        run_after=dag_run.run_after,
        data_interval_start=dag_run.data_interval_start,
        manual_date=getattr(dag_run, "logical_date", None) if is_manual else None,
        partition_key=getattr(dag_run, "partition_key", None),
        params=params,
    )


def _check_conf(conf: Mapping[str, Any] | None, params: Mapping[str, Any] | None) -> None:
    """Refuse a run that asks for its days in words that the DAG does not know: it would load other days."""
    known = set(params or ())
    if not conf or "start_date" not in known:
        return
    if unknown := sorted(set(conf) - known):
        likely = difflib.get_close_matches(unknown[0].lower(), known, n=1)
        meant = f" ({likely[0]}?)" if likely else ""
        raise WindowError(
            f"the run's conf has {', '.join(map(repr, unknown[:5]))}{meant}, which this DAG does not know; "
            f"it knows {', '.join(sorted(known))}"
        )


class LoadTemplates:
    """Mixin for operators and sensors: their templates see the run's window as ``load``.

    The window is worked out when a template first asks for it, so tasks of DAGs without a window (bootstrap)
    use the same operators.
    """

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        load = lazy_object_proxy.Proxy(lambda: load_window(context))
        context["load"] = load  # type: ignore[typeddict-unknown-key]
        super().render_template_fields(context, jinja_env)  # type: ignore[misc]
