"""Texts as literals of Spark SQL."""

from __future__ import annotations


def literal(text: str) -> str:
    """A text as a literal of Spark SQL, whatever characters it has."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
