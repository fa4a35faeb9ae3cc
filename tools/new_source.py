"""Writes the stubs of a new source: contract, table, merge, test and fragment of the changelog.

    .venv/dev/bin/python -m tools.new_source NAME

``NAME`` is the plural by which the source's folder in the raw bucket is called, such as ``gift_cards``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.stubs import REPO, StubError, checked_name, failed, finish, rendered, write


def files(name: str) -> dict[str, str]:
    """Path and text of each stub of a source."""
    one = name.removesuffix("s")
    values = {"name": name, "entity": one, "key": f"{one}_id", "table": f"fact_{name}"}
    folder = f"include/sql/facts/{values['table']}"
    return {
        f"include/sources/{name}.yaml": rendered("source/contract.yaml.jinja", **values),
        f"{folder}/table.sql": rendered("source/table.sql.jinja", **values),
        f"{folder}/columns.yaml": rendered("source/columns.yaml.jinja", **values),
        f"{folder}/merge.sql": rendered("source/merge.sql.jinja", **values),
        f"tests/sql/test_source_{name}.py": rendered("source/test.py.jinja", **values),
        f"changelog.d/{name.replace('_', '-')}.bootstrap.md": rendered("source/fragment.md.jinja", **values),
    }


def main(arguments: list[str] | None = None, repo: Path = REPO) -> int:
    """Write the stubs; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make new-source", description=__doc__.splitlines()[0])
    parser.add_argument("name")
    try:
        write(files(checked_name(parser.parse_args(arguments).name, "source")), repo)
    except StubError as error:
        return failed(error)
    finish(repo)
    return 0


if __name__ == "__main__":
    sys.exit(main())
