"""Open incidents: failures that were mailed and are not resolved. One incident makes one mail, and its end another.

Kept as Airflow Variables, one per incident, because tasks, the DAG processor and the triggerer may all write these,
and because a person sees them (Admin → Variables). Storing is best effort: where it fails, the mail is sent all the
same.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

log = logging.getLogger(__name__)

PREFIX = "ecommerce_dwh.incident"
FAILED, LATE, STALE = "failed", "late", "stale"
# Runs of a backfill, and runs of the same days, that fail for the same cause within this time are one incident.
SAME_INCIDENT = timedelta(hours=6)


@dataclass(frozen=True)
class Incident:
    """A failed, late or stale state that was notified and is not resolved.

    Attributes:
        kind: ``failed``, ``late`` or ``stale``.
        dag_id: the DAG.
        first_day: first day concerned, ``YYYY-MM-DD``; may be empty for DAGs that load no days.
        last_day: last day concerned.
        run_id: the run that raised it last.
        since: time of the first failure, ISO 8601 in UTC.
        tasks: failed tasks.
        cause: fingerprint of tasks and error, equal for the same failure on another day.
        count: number of failures.
        is_mailed: whether this incident had a mail of its own; further runs of a backfill with a known cause have none.
        is_backfill: whether the run is one of a backfill.
    """

    kind: str
    dag_id: str
    first_day: str
    last_day: str
    run_id: str = ""
    since: str = ""
    tasks: tuple[str, ...] = ()
    cause: str = ""
    count: int = 1
    is_mailed: bool = True
    is_backfill: bool = False

    @property
    def key(self) -> str:
        """Name of the Variable, in characters that Secrets Manager accepts: on AWS, Airflow looks there first."""
        return f"{PREFIX}.{self.dag_id}.{self.first_day}_{self.last_day}.{self.kind}"

    @property
    def days(self) -> str:
        """The days for people."""
        return self.first_day if self.first_day == self.last_day else f"{self.first_day} … {self.last_day}"

    def age(self, now: datetime) -> timedelta:
        """Time since it was raised first."""
        try:
            return now - datetime.fromisoformat(self.since)
        except ValueError:
            return timedelta(0)


def fingerprint(tasks: Iterable[str], errors: Iterable[str]) -> str:
    """The same for two failures of the same tasks whose messages differ in figures, dates and ids only."""
    words = [re.sub(r"[0-9a-f]*\d[0-9a-f]*", "#", error.lower()) for error in errors]
    return hashlib.sha256(json.dumps([sorted(tasks), sorted(words)]).encode()).hexdigest()[:16]


class Store(Protocol):
    """Storage of incidents: names and JSON texts."""

    def keys(self, prefix: str) -> list[str]: ...

    def get(self, key: str) -> str | None: ...

    def put(self, key: str, value: str) -> None: ...

    def delete(self, key: str) -> None: ...


class VariableStore:
    """Airflow Variables, through the API that every component may use."""

    def keys(self, prefix: str) -> list[str]:
        from airflow.sdk import Variable  # late import: alerts are imported by every DAG file

        return [str(key) for key in Variable.keys(prefix)]

    def get(self, key: str) -> str | None:
        from airflow.sdk import Variable

        return Variable.get(key, default=None)

    def put(self, key: str, value: str) -> None:
        from airflow.sdk import Variable

        Variable.set(
            key, value, description="An open incident of the e-commerce warehouse; removed when resolved"
        )

    def delete(self, key: str) -> None:
        from airflow.sdk import Variable

        Variable.delete(key)


class IncidentLog:
    """Raises and closes incidents; never raises an error itself."""

    def __init__(self, store: Store | None = None) -> None:
        self._store = store or VariableStore()

    def open_of(self, dag_id: str) -> list[Incident]:
        """Open incidents of a DAG; empty when they cannot be read."""
        try:
            found = (self._read(key) for key in self._store.keys(f"{PREFIX}.{dag_id}."))
            return [incident for incident in found if incident is not None and incident.dag_id == dag_id]
        except Exception as error:
            log.warning("Open incidents are not known: %s", error)
            return []

    def open(self, incident: Incident, *, now: datetime | None = None) -> Incident:
        """Store an incident; returns its current state, with the count and whether a mail is due.

        A repeated incident of the same days is counted. An incident of a backfill whose cause was mailed for another
        of its days within `SAME_INCIDENT` is stored without a mail of its own; any other day has its own mail.
        """
        now = now or datetime.now(UTC)
        known = self.open_of(incident.dag_id)
        same = next((other for other in known if other.key == incident.key), None)
        if same is not None:
            noted = replace(incident, since=same.since, count=same.count + 1)
        else:
            told = any(
                other.is_mailed
                and (incident.is_backfill and other.is_backfill)
                and other.kind == incident.kind
                and other.cause == incident.cause
                and other.age(now) < SAME_INCIDENT
                for other in known
                if incident.cause
            )
            noted = replace(incident, since=now.isoformat(timespec="seconds"), is_mailed=not told)
        try:
            self._store.put(noted.key, json.dumps(asdict(noted)))
        except Exception as error:
            log.warning("The incident could not be noted: %s", error)
        return noted

    def close(
        self,
        dag_id: str,
        first_day: str = "",
        last_day: str = "",
        *,
        kinds: Iterable[str] = (FAILED, LATE, STALE),
    ) -> list[Incident]:
        """Remove the incidents of a DAG within the given days (all incidents when no days are given).

        Returns:
            the incidents that were open, oldest first.
        """
        kinds = set(kinds)
        closed = []
        for incident in self.open_of(dag_id):
            inside = not first_day or (first_day <= incident.first_day and incident.last_day <= last_day)
            if incident.kind not in kinds or not inside:
                continue
            try:
                self._store.delete(incident.key)
                closed.append(incident)
            except Exception as error:
                log.warning("Incident %s could not be closed: %s", incident.key, error)
        return sorted(closed, key=lambda incident: incident.since)

    def _read(self, key: str) -> Incident | None:
        text = self._store.get(key)
        try:
            fields: dict[str, Any] = json.loads(text or "")
            return Incident(**{**fields, "tasks": tuple(fields.get("tasks", ()))})
        except (ValueError, TypeError) as error:
            log.warning("Variable %s is no incident: %s", key, error)
            return None
