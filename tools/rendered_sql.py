"""Renders files of ``include/sql`` as tasks run them, with macros and steps in their places: to read, paste or lint.

    PYTHONPATH=plugins python -m tools.rendered_sql maintenance/rebuild_warehouse.sql    prints one
    PYTHONPATH=plugins python -m tools.rendered_sql --lint .venv/dev/bin/sqlfluff        lints all

Variables of a run (days, run key, buckets) have example values; the sources are those of ``include/sources``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from ecommerce_dwh.contracts import load_contracts
from ecommerce_dwh.warehouse import sql_files
from tools.generate.example_load import example_load

REPO = Path(__file__).resolve().parents[1]
# What a macro or a step brings along keeps the indentation of its own file, so that layout says nothing here. The
# templates' own layout is linted as they are. A macro's argument may be the name of its result (AL09).
_LINT = ("lint", "--disable-progress-bar", "--templater", "raw", "--exclude-rules")
_LAYOUT = "layout,RF02,RF04,ST06,AM02,AL09"


def _load(root: Path = REPO) -> object:
    """The variable ``load`` of a run of three days."""
    return example_load(load_contracts(root / "include" / "sources"))


def rendered(root: Path = REPO) -> dict[str, str]:
    """Every text that is run, by its file below ``include/sql``; steps stand in the file that includes them."""
    sql_dir, load = root / "include" / "sql", _load(root)
    texts = {}
    for path in sorted(sql_dir.rglob("*.sql")):
        name = path.relative_to(sql_dir).as_posix()
        if path.parent.name not in ("macros", "ddl"):
            texts[name] = sql_files.render(name, sql_dir, load=load).replace("%s", "'value'").strip() + "\n"
    return texts


def lint(sqlfluff: str, root: Path = REPO) -> int:
    """Run sqlfluff on all rendered texts; returns its exit code."""
    with tempfile.TemporaryDirectory(prefix="dwh-rendered-") as folder:
        for name, text in rendered(root).items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        return subprocess.call([sqlfluff, *_LINT, _LAYOUT, "--config", str(root / "pyproject.toml"), folder])


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", help="file below include/sql to print")
    parser.add_argument("--lint", metavar="SQLFLUFF", help="lint all rendered files with this program")
    options = parser.parse_args(arguments)
    if options.lint:
        return lint(options.lint)
    if not options.file:
        parser.error("name a file below include/sql, or --lint")
    if not (REPO / "include" / "sql" / options.file).is_file():
        print(f"include/sql/{options.file} does not exist", file=sys.stderr)
        return 1
    print(sql_files.render(options.file, REPO / "include" / "sql", load=_load()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
