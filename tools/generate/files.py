"""The part that all generators share: write files, or with ``--check`` compare them and show what differs."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]


def no_orphans(_root: Path, _wanted: Mapping[str, str]) -> Iterable[str]:
    """For generators whose files have fixed names."""
    return ()


@dataclass(frozen=True)
class Generator:
    """A generator of files.

    Attributes:
        module: its name for ``python -m``.
        about: its module's docstring.
        files: text by path relative to the repository, which it is given.
        errors: what `files` raises where the input cannot be used; its message is shown.
        orphans: names of generated files that nothing asks for any more, given the repository and the wanted files.
        stages: further files that follow from those that were just written; made once these are there.
    """

    module: str
    about: str
    files: Callable[[Path], Mapping[str, str]]
    errors: tuple[type[Exception], ...] = ()
    orphans: Callable[[Path, Mapping[str, str]], Iterable[str]] = no_orphans
    stages: tuple[Callable[[Path], Mapping[str, str]], ...] = ()

    def parser(self) -> argparse.ArgumentParser:
        """The options that every generator has."""
        parser = argparse.ArgumentParser(
            prog=f"python -m {self.module}", description=self.about.splitlines()[0]
        )
        parser.add_argument(
            "--check", action="store_true", help="write nothing; fail with a diff when a file is not current"
        )
        return parser

    def main(self, arguments: Sequence[str] | None = None, root: Path = REPO) -> int:
        """Command line; returns the exit code: 1 for files that are not current, or input that cannot be used."""
        return self.run(root, check=self.parser().parse_args(arguments).check)

    def run(self, root: Path, *, check: bool) -> int:
        """Write the files, or say which are not current."""
        wanted: dict[str, str] = {}
        stale: list[str] = []
        try:
            for number, stage in enumerate((self.files, *self.stages)):
                made = stage(root)
                wanted |= made
                stale += [name for name, text in made.items() if _is_stale(root, name, text, check=check)]
                if not number:
                    stale += self._without_orphans(root, wanted, check=check)
        except self.errors as error:
            print(error, file=sys.stderr)
            return 1
        if not check:
            print(f"{len(stale)} of {len(wanted)} files written: {', '.join(stale) or 'all were current'}")
            return 0
        if stale:
            print(
                f"{len(stale)} of {len(wanted)} generated files are not current ({', '.join(stale)}); "
                "run make generate",
                file=sys.stderr,
            )
        return 1 if stale else 0

    def _without_orphans(self, root: Path, wanted: Mapping[str, str], *, check: bool) -> list[str]:
        """Names of the files that nothing asks for any more; named, or deleted."""
        names = list(self.orphans(root, wanted))
        for name in names:
            if check:
                print(f"{name}: nothing asks for this file any more")
            else:
                (root / name).unlink()
        return names


def _is_stale(root: Path, name: str, wanted: str, *, check: bool) -> bool:
    """Whether a file differs; a diff is shown, or the file written."""
    path = root / name
    found = path.read_text("utf-8") if path.exists() else ""
    if found == wanted and path.exists():
        return False
    if check:
        lines = (found.splitlines(keepends=True), wanted.splitlines(keepends=True))
        sys.stdout.writelines(difflib.unified_diff(*lines, f"{name} (committed)", f"{name} (generated)"))
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted, "utf-8")
    return True
