"""The page of one day, computed from its report. Pure: no S3, no web framework."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecommerce_dwh.ledger import ROWS
from ecommerce_dwh.privacy.masking import mask_path
from ecommerce_dwh.quality.page.charts import number
from ecommerce_dwh.quality.page.masking import guarded, mask, names_personal_column
from ecommerce_dwh.quality.page.views import (
    WORST,
    LedgerLine,
    ledger_line,
)

# What a page shows of one report; beyond it, how many more there are.
MOST_RULES, MOST_BROKEN, MOST_LINES, MOST_GROUPS, MOST_SAMPLES = 1000, 100, 2000, 50, 5


@dataclass(frozen=True)
class RuleResult:
    """A rule in a day's report."""

    source: str
    rule: str
    dimension: str
    severity: str
    description: str
    checked: int
    failed: int
    ratio: float
    threshold: float
    state: str
    message: str
    samples: tuple[str, ...]
    measured: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class QuarantineGroup:
    """Rejected rows of one source and reason."""

    source: str
    rule: str
    rows: int
    samples: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class TableView:
    """A table's rules in a day's report, those that did not pass first.

    Attributes:
        hidden: rules that match as well and are not shown, because there are too many.
    """

    source: str
    rows: int
    rules: tuple[RuleResult, ...]
    hidden: int = 0


@dataclass(frozen=True)
class DayView:
    """A day's report, ready to show; of each part at most so many entries as a person reads."""

    state: str
    start: str
    end: str
    run_id: str
    generated_at: str
    tables: tuple[TableView, ...]
    ledger: tuple[LedgerLine, ...]
    quarantine: tuple[QuarantineGroup, ...]
    drift: tuple[tuple[str, str, str, str], ...]
    not_loaded: tuple[tuple[str, str, str], ...]
    hidden: Mapping[str, int] = field(default_factory=dict)

    @property
    def broken(self) -> tuple[RuleResult, ...]:
        """Rules that did not pass, errors first; of the first `MOST_BROKEN`, messages and samples as well."""
        found = [rule for table in self.tables for rule in table.rules if rule.state in ("failed", "warned")]
        return tuple(sorted(found, key=lambda rule: rule.state != "failed"))


def day_view(
    report: Mapping[str, Any], personal: Mapping[str, Collection[str]], focus: str = "", query: str = ""
) -> DayView:
    """Turn a report into what the day's page shows.

    Args:
        report: as `ecommerce_dwh.quality.report.read_report` returns it.
        personal: personal columns by source; None of their values is shown.
        focus: for the report of a range, the day whose ledger is asked for.
        query: only rules whose names or words match.
    """
    words = query.lower().split()
    found = [
        (table["source"], _rule_state(rule), rule) for table in report["tables"] for rule in table["rules"]
    ]
    states = [report["status"], *(state for _, state, _ in found if state != "unjudged")]
    matching = [item for item in found if _matches(*item, words)]
    matching.sort(key=lambda item: _ORDER[item[1]])
    shown: dict[str, list[RuleResult]] = {table["source"]: [] for table in report["tables"]}
    quoted = _quoted_parts(report, [rule for _, _, rule in matching[:MOST_BROKEN]])
    rules = [*quoted["tables"][0]["rules"], *(rule for _, _, rule in matching[MOST_BROKEN:MOST_RULES])]
    for place, ((source, state, _), rule) in enumerate(zip(matching[:MOST_RULES], rules, strict=True)):
        shown[source].append(_result(source, rule, state, in_full=place < MOST_BROKEN))
    hidden = Counter(source for source, _, _ in matching[MOST_RULES:])
    tables = [
        TableView(source, table.get("rows", 0), tuple(shown[source]), hidden[source])
        for table in report["tables"]
        for source in [table["source"]]
    ]
    lines = [line for line in report.get("ledger", ()) if not focus or line["delivery_date"] == focus]
    rejected, drift = report.get("quarantine", ()), report.get("drift", ())
    not_loaded = max(len(report.get("not_loaded", ())), report.get("not_loaded_count", 0))
    return DayView(
        state=max(states, key=WORST.index),
        start=report["start_date"],
        end=report["end_date"],
        run_id=report["run_id"],
        generated_at=report.get("generated_at", ""),
        tables=tuple(tables),
        ledger=tuple(
            ledger_line(line["delivery_date"], line["source"], [line[name] for name in ROWS])
            for line in lines[:MOST_LINES]
        ),
        quarantine=tuple(_group(entry, personal.get(entry["source"], ())) for entry in quoted["quarantine"]),
        drift=tuple(
            (item["source"], mask(item["column"]), item["kind"], str(item.get("file_count", "")))
            for item in quoted["drift"]
        ),
        not_loaded=tuple(
            (mask_path(item["key"]), f"{item['size']:,}" if "size" in item else "", mask(item["reason"]))
            for item in quoted["not_loaded"]
        ),
        hidden={
            "ledger": max(len(lines) - MOST_LINES, 0),
            "quarantine": max(len(rejected) - MOST_GROUPS, 0),
            "drift": max(len(drift) - MOST_GROUPS, 0),
            "not_loaded": not_loaded - len(quoted["not_loaded"]),
        },
    )


def _quoted_parts(report: Mapping[str, Any], rules: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The shown parts of a report that may quote rows, masked by the privacy rules.

    Only that much, since looking for personal data takes longer than anything else.
    """
    rejected = report.get("quarantine", ())[:MOST_GROUPS]
    return guarded(
        {
            **report,
            "tables": [{"rules": list(rules)}],
            "quarantine": [{**entry, "samples": entry.get("samples", ())[:MOST_SAMPLES]} for entry in rejected],
            "drift": report.get("drift", ())[:MOST_GROUPS],
            "not_loaded": report.get("not_loaded", ())[:MOST_GROUPS],
        }
    )


_ORDER = {"failed": 0, "warned": 1, "unjudged": 2, "passed": 3}


def _matches(source: str, state: str, rule: Mapping[str, Any], words: Sequence[str]) -> bool:
    if not words:
        return True
    about = (rule.get("dimension", ""), rule.get("description", ""), state)
    text = f"{source}.{rule['rule']} {' '.join(about)}".lower()
    return all(word in text for word in words)


def _result(source: str, rule: Mapping[str, Any], state: str, *, in_full: bool) -> RuleResult:
    checked, failed = rule.get("rows_checked", 0), rule.get("rows_failed", 0)
    return RuleResult(
        source=source,
        rule=rule["rule"],
        dimension=rule.get("dimension", ""),
        severity=rule.get("severity", "error"),
        description=rule.get("description", ""),
        checked=checked,
        failed=failed,
        ratio=rule.get("failed_ratio", failed / checked if checked else 0.0),
        threshold=rule.get("threshold", 0.0),
        state=state,
        message=mask(rule.get("message", "")) if in_full else "",
        samples=tuple(mask(sample) for sample in rule.get("samples", ())) if in_full else (),
        measured=_measured(rule.get("history", {})),
    )


def _rule_state(rule: Mapping[str, Any]) -> str:
    if not rule.get("judged", True):
        return "unjudged"
    return "passed" if rule["passed"] else "warned" if rule.get("severity") == "warning" else "failed"


def _measured(found: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Labels and figures of a rule against history."""
    if found.get("value") is None or found.get("low") is None:
        return ()
    z = found.get("z")
    return (
        (f"Measured on {found['day']}", number(found["value"])),
        ("Usual", f"{number(found['low'])} to {number(found['high'])}"),
        ("Median", number(found["median"])),
        ("Robust z", "–" if z is None else f"{z:+.1f}"),
        ("Days of history", str(found["days"])),
    )


def _group(entry: Mapping[str, Any], personal: Collection[str]) -> QuarantineGroup:
    rule = entry["rule"]
    is_personal = names_personal_column(rule, personal)
    samples = tuple(
        (
            mask_path(sample.get("source_file", "")),
            str(sample.get("source_line", "")),
            mask(sample.get("message") or "", is_personal=is_personal),
        )
        for sample in entry.get("samples", ())
    )
    return QuarantineGroup(entry["source"], rule, entry.get("rows", 0), samples)
