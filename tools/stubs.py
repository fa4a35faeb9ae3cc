"""Stubs of new sources and metrics: how they are written, and which of them are not filled yet.

A stub marks what its author has to write by ``FILL: <what>``. `open_points` lists all marks of the repository. The
test `tests/unit/test_stubs.py` and the linter ``python -m tools.stubs`` fail while there is one; both name file, line
and what is missing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import jinja2

REPO = Path(__file__).resolve().parents[1]
TEMPLATES = REPO / "tools" / "templates"
# Where stubs are written.
FILLED_FOLDERS = ("include", "docs", "changelog.d", "tests/sql")
_NAME = re.compile(r"[a-z][a-z0-9_]{1,48}")
_MARK = re.compile(r"\bFILL: (?P<what>[^\"|]*)")
_SUFFIXES = (".yaml", ".sql", ".md", ".py")


class StubError(ValueError):
    """A stub cannot be written; the message says why and what to do."""


def open_points(repo: Path = REPO) -> Iterator[str]:
    """``file:line: what is to be written`` for each mark that nobody has filled."""
    for folder in FILLED_FOLDERS:
        for file in sorted((repo / folder).rglob("*")):
            if file.suffix not in _SUFFIXES or not file.is_file():
                continue
            lines = file.read_text("utf-8").splitlines()
            if any("generated from" in line for line in lines[:3]):
                continue  # the mark is in the file that it is generated from
            for number, line in enumerate(lines, 1):
                if found := _MARK.search(line):
                    place = f"{file.relative_to(repo).as_posix()}:{number}"
                    yield f"{place}: {found['what'].strip() or line.strip()}"


def main() -> int:
    """Print the marks that nobody has filled; returns the exit code."""
    points = list(open_points())
    for point in points:
        print(f"to be written: {point}", file=sys.stderr)
    return 1 if points else 0


def checked_name(name: str, kind: str) -> str:
    """The name of a new source or metric.

    Raises:
        StubError: no identifier of Redshift that needs no quotation marks.
    """
    if not _NAME.fullmatch(name):
        raise StubError(
            f"{name!r} is no name of a {kind}: 2 to 49 lower-case letters, digits and underscores, a letter first. "
            f"For example: make new-{kind} NAME=gift_cards"
        )
    return name


def rendered(template: str, **values: str) -> str:
    """The text of a template of ``tools/templates``."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(TEMPLATES)),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - SQL, YAML and Markdown for the repository, no page for a browser
    )
    return environment.get_template(template).render(**values)


def write(files: Mapping[str, str], repo: Path = REPO) -> None:
    """Write new files, all or none, and print their names.

    Raises:
        StubError: one is there already.
    """
    if there := [name for name in files if (repo / name).exists()]:
        raise StubError(f"{there[0]} exists. Choose another name, or delete the files of the earlier attempt.")
    for name, text in files.items():
        path = repo / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        print(f"wrote    {name}")


def edited(name: str, before: str, addition: str, repo: Path = REPO) -> str:
    """The text of a page with an addition before a heading, or at its end if ``before`` is empty.

    Raises:
        StubError: the page has no such heading.
    """
    text = (repo / name).read_text("utf-8")
    if not before:
        return text.rstrip("\n") + "\n" + addition
    head, found, tail = text.partition(before)
    if not found:
        raise StubError(
            f"{name} has no line {before.strip()!r}, before which the section of the metric belongs"
        )
    return head + addition + found + tail


def finish(repo: Path = REPO) -> None:
    """Print what is left to be written, and the next command."""
    print("\nTo be written (the test tests/unit/test_stubs.py fails until then):")
    for point in open_points(repo):
        print(f"  {point}")
    print("\nThen: make generate, make test. The recipe is in CONTRIBUTING.md.")


def failed(error: StubError) -> int:
    """Print the error; returns the exit code of a command that could not do its work."""
    print(error, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
