"""Builds the documentation site into ``artifacts/site`` and makes sure that it stands alone.

The build is strict: a page outside the navigation, a dead link or a dead anchor ends it. Afterwards no page may load
anything (script, style sheet, font, picture) from another host, so that the site works without a network.

    .venv/dev/bin/python -m tools.docs_site [--serve]
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
SITE = REPO / "artifacts" / "site"
_LOADS = re.compile(
    r"""<(?:script|img|iframe|source|audio|video)\b[^>]*?\bsrc=["'](?:https?:)?//[^"']+"""
    r"""|<link\b(?=[^>]*rel=["']?(?:stylesheet|preload|preconnect|icon))[^>]*?\bhref=["'](?:https?:)?//[^"']+""",
    re.IGNORECASE,
)
_CSS_LOADS = re.compile(r"""(?:@import\s+|url\()\s*["']?(?:https?:)?//[^"')]+""", re.IGNORECASE)


def foreign_loads(site: Path) -> Iterator[str]:
    """What pages and style sheets would fetch from another host, as ``file: tag``."""
    for file in sorted([*site.rglob("*.html"), *site.rglob("*.css")]):
        pattern = _LOADS if file.suffix == ".html" else _CSS_LOADS
        for match in pattern.finditer(file.read_text("utf-8")):
            yield f"{file.relative_to(site)}: {match.group()[:160]}"


def main(arguments: list[str] | None = None) -> int:
    """Build and check, or serve while writing; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    command = ["serve"] if "--serve" in given else ["build", "--strict", "--quiet"]
    environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    code = subprocess.call([sys.executable, "-m", "mkdocs", *command], cwd=REPO, env=environ)
    if code or "--serve" in given:
        return code
    found = list(foreign_loads(SITE))
    for line in found:
        print(f"loads from another host: {line}", file=sys.stderr)
    print(f"{len(list(SITE.rglob('*.html')))} pages in {SITE.relative_to(REPO)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
