"""Masks a report for the page; the rules themselves are `ecommerce_dwh.privacy.masking`.

Reports that carry its version were decided upon before they were written; what is masked here once more is masked in
vain. Reports of earlier code quote rejected values and keys of any form: the page hides what they quote.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from ecommerce_dwh.privacy.masking import MASK, PRIVACY_MARK, mask, mask_path, shown_key, shown_name

__all__ = ["MASK", "guarded", "is_guarded_page", "mask", "names_personal_column"]

_PLACE = re.compile(r"(.{1,1024}/.{1,1024}):([0-9]{1,18})", re.DOTALL)
# Where the mark stands: at the beginning of the head, before anything out of a report.
_HEAD_BYTES = 512


def names_personal_column(rule: str, personal: Collection[str]) -> bool:
    """Whether a quarantine rule (``<kind>:<column>``) is about a personal column."""
    return rule.partition(":")[2] in personal


def is_guarded_page(page: bytes) -> bool:
    """Whether a ``report.html`` says that nothing in it is personal; the page of earlier code does not."""
    return PRIVACY_MARK.encode() in page[:_HEAD_BYTES]


def guarded(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """A report as it is when it carries the version of the privacy rules, else without what it quotes of rows.

    Args:
        report: as `ecommerce_dwh.quality.report.read_report` returns it.
    """
    if report.get("privacy"):
        return report
    return {
        **report,
        "tables": [{**table, "rules": list(map(_rule, table["rules"]))} for table in report["tables"]],
        "quarantine": [
            {**entry, "samples": list(map(_rejected, entry.get("samples", ())))}
            for entry in report.get("quarantine", ())
        ],
        "drift": [{**item, "column": shown_name(item["column"])} for item in report.get("drift", ())],
        "not_loaded": [
            {**item, "reason": mask(item["reason"], is_personal=True)} for item in report.get("not_loaded", ())
        ],
    }


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    message = mask(rule.get("message", ""), is_personal=True)
    return {**rule, "message": message, "samples": list(map(_sample, rule.get("samples", ())))}


def _sample(sample: str) -> str:
    """A row as earlier reports named it: ``<file>:<line>``, or its key."""
    place = _PLACE.fullmatch(sample)
    return f"{mask_path(place[1])}:{place[2]}" if place else shown_key(sample)


def _rejected(sample: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **sample,
        "source_file": mask_path(sample.get("source_file", "")),
        "message": mask(sample.get("message") or "", is_personal=True),
    }
