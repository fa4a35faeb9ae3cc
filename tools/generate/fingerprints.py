"""Writes ``include/sql/macros/fingerprints.sql``: which code builds each table, as a hash of its syntax tree.

A file's hash is that of its statements after macros, parsed and written again by sqlglot, so that formatting and
comments do not count and a changed macro does. Airflow reads the written file, and parses nothing.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path

import sqlglot

from ecommerce_dwh.contracts import SourceContract, load_contracts
from ecommerce_dwh.warehouse import sql_files
from ecommerce_dwh.warehouse.sql_text import without_comments
from tools.generate.example_load import example_load
from tools.generate.files import REPO, Generator

MACRO = "include/sql/macros/fingerprints.sql"
# Definitions are compared with the catalogue; audits change no row.
_NO_CODE = ("table.sql", "view.sql", "audited.sql")
# What the published lines count in is a step of the refresh.
_SHARED = {"history.published_line": ("history/published_line/keep.sql", "analytics/changes.sql")}
# Its one row is written anew by every refresh.
_REWRITTEN = ("analytics.published",)


def code_of(sql_dir: Path) -> dict[str, list[str]]:
    """Files that build each table of dimensions, facts and analytics, as below ``include/sql``."""
    found = {table: list(files) for table, files in _SHARED.items()}
    for relation in sql_files.relations(sql_dir):
        if relation.kind != "table" or relation.schema not in ("dimensions", "facts", "analytics"):
            continue
        files = [
            path.relative_to(sql_dir).as_posix()
            for path in sorted(relation.folder.glob("*.sql"))
            if path.name not in _NO_CODE
        ]
        if files and str(relation) not in _REWRITTEN:
            found[str(relation)] = files
    return found


def fingerprint(statements: list[str]) -> str:
    """The hash of statements' syntax trees."""
    return hashlib.sha256("\n".join(_normal(statement) for statement in statements).encode()).hexdigest()[:32]


def _normal(statement: str) -> str:
    text = " ".join(without_comments(statement).split())
    try:
        return sqlglot.parse_one(text, read="redshift").sql(dialect="redshift", comments=False)
    except sqlglot.errors.SqlglotError:
        return text


def fingerprints(sql_dir: Path, contracts: Mapping[str, SourceContract]) -> list[tuple[str, str, str]]:
    """Table, file and hash of all code that builds tables."""
    load = example_load(contracts)
    return [
        (table, file, fingerprint(sql_files.statements(file, sql_dir, load=load)))
        for table, files in code_of(sql_dir).items()
        for file in files
    ]


def macro(rows: list[tuple[str, str, str]]) -> str:
    """The text of the macro."""
    listed = "".join(f'    ("{table}", "{file}", "{text}"),\n' for table, file, text in rows)
    return (
        "{# generated from include/sql; run make generate #}\n"
        f"{{% set built = [\n{listed}] %}}\n"
        "{# The code that builds each table: hash of the syntax tree of each file after macros. #}\n"
        "{% macro fingerprints() %}\n"
        "    {% for table, file, fingerprint in built %}\n"
        "        select\n"
        "            '{{ table }}' as table_name,\n"
        "            '{{ file }}' as file_name,\n"
        "            '{{ fingerprint }}' as fingerprint\n"
        '        {{ "union all" if not loop.last }}\n'
        "    {% endfor %}\n"
        "{% endmacro %}\n"
    )


def files(root: Path) -> dict[str, str]:
    """The macro's file."""
    rows = fingerprints(root / "include" / "sql", load_contracts(root / "include" / "sources"))
    return {MACRO: macro(rows)}


GENERATOR = Generator("tools.generate.fingerprints", __doc__ or "", files)


def main(arguments: list[str] | None = None, root: Path = REPO) -> int:
    """Command line; returns the exit code."""
    return GENERATOR.main(arguments, root)


if __name__ == "__main__":
    sys.exit(main())
