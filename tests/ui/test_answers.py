"""The documentation's answers are those of the freshly loaded stack. First of the files here: others load more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[2]


def test_questions_have_the_answers_that_the_docs_show(stack: Any) -> None:
    stack.local("tools.questions", "--check")
