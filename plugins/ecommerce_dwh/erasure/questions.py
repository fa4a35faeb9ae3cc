"""Questions of a search that a person must answer, as lines of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHOWN = 50


def open_questions(found: Mapping[str, Any]) -> list[str]:
    """The unanswered questions as lines of text."""
    waiting = [question for question in found.get("questions", []) if not question["answer"]]
    lines = [question_line(question) for question in waiting[:SHOWN]]
    return lines + ([f"  … and {len(waiting) - SHOWN:,} more"] if len(waiting) > SHOWN else [])


def question_line(question: Mapping[str, Any]) -> str:
    """A question as a line for a person."""
    version = f" (version {question['version']})" if question["version"] else ""
    rows = (
        f", {question['rows']:,} rows, lines {', '.join(map(str, question['lines']))}"
        if question["rows"]
        else ""
    )
    reason = f": {question['reason']}" if question["reason"] else ""
    return (
        f"  {question['id']} {question['kind']} {question['bucket']}/{question['key']}{version}{rows}{reason}"
    )
