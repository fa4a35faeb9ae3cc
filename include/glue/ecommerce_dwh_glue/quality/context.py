"""A run of the quality job: its surroundings, and what it found."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import SparkSession

from ecommerce_dwh.contracts import Rule, SourceContract
from ecommerce_dwh_glue.job import Options
from ecommerce_dwh_glue.rules.history import Finding
from ecommerce_dwh_glue.rules.kinds import Day
from ecommerce_dwh_glue.storage import Storage


@dataclass(frozen=True, eq=False)
class Run:
    """Surroundings that every step of a run needs.

    Attributes:
        spark: session, tuned by `job.tune`.
        storage: object store of the processed bucket.
        contracts: contracts by source name.
        options: arguments of the run.
        processing: content of the run's ``processing.json``.
        attempt: part of the names of written files, so that a second attempt never meets the files of the first.
    """

    spark: SparkSession
    storage: Storage
    contracts: Mapping[str, SourceContract]
    options: Options
    processing: Mapping[str, Any]
    attempt: str = field(default_factory=lambda: uuid.uuid4().hex[:12])


@dataclass(frozen=True)
class Figures:
    """The results of all rules.

    Attributes:
        days: figures by source and day.
        findings: findings of history rules by source and rule, then by day.
        samples: keys of some rows that break a rule, by source and rule.
        remarks: examples in words, by source and kind of rule, then by day.
    """

    days: Mapping[str, Mapping[str, Day]]
    findings: Mapping[tuple[str, str], Mapping[str, Finding]]
    samples: Mapping[tuple[str, str], list[str]]
    remarks: Mapping[tuple[str, str], Mapping[str, list[str]]] = field(default_factory=dict)

    def examples(self, source: str, rule: Rule, day: str = "") -> list[str]:
        """Remarks on the rows that break a rule; of one day where it is named."""
        by_day = self.remarks.get((source, remark_kind(rule)), {})
        return [text for each in sorted(by_day) if day in ("", each) for text in by_day[each]]


def remark_kind(rule: Rule) -> str:
    """The kind under which processing remarks on the rows that break a rule."""
    return "unique" if rule.kind == "conflicts" else rule.kind
