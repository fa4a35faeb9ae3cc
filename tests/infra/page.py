"""Shell blocks of a Markdown page, in their order."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Block:
    """One shell block.

    Attributes:
        step: number of the list item that it stands in; 0 outside of lists.
        title: bold beginning of that item.
        script: its lines, without the list's indentation.
    """

    step: int
    title: str
    script: str


def blocks(page: Path, section: str) -> list[Block]:
    """The ``bash`` blocks below a heading ``## <section>``, up to the next heading of that level."""
    text = page.read_text()
    _, found, rest = text.partition(f"\n## {section}\n")
    if not found:
        raise AssertionError(f"{page.name} has no section {section!r}")
    body = re.split(r"\n## ", rest)[0]
    listed: list[Block] = []
    step, title = 0, ""
    for match in re.finditer(
        r"^(?P<step>\d+)\. \*\*(?P<title>.+?)\*\*|^ *```bash\n(?P<script>.*?)^ *```",
        body,
        re.MULTILINE | re.DOTALL,
    ):
        if match["step"]:
            step, title = int(match["step"]), match["title"].strip(".")
        else:
            listed.append(Block(step, title, textwrap.dedent(match["script"])))
    return listed
