"""Writes ``docs/dags.md``: every DAG with its schedule, Params and own documentation.

``python -m tools.generate.dag_pages`` writes the page, ``--check`` fails when it is not what the DAGs say.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tools.generate.files import REPO, Generator

if TYPE_CHECKING:
    from airflow.sdk import DAG

PAGE = REPO / "docs" / "dags.md"
_HEAD = """# DAGs

<!-- generated from the DAG files: python -m tools.generate.dag_pages -->

"""


def render(dags: Iterable[DAG]) -> str:
    """The page for a set of DAGs."""
    dags = sorted(dags, key=lambda dag: dag.dag_id)
    rows = [
        f"| [{dag.dag_id}](#{dag.dag_id}) | {schedule(dag)} | {len(dag.tasks)} | {dag.description} |"
        for dag in dags
    ]
    table = "\n".join(["| DAG | schedule (UTC) | tasks | what it does |", "|---|---|---|---|", *rows])
    return _HEAD + table + "\n\n" + "\n".join(_section(dag) for dag in dags)


def schedule(dag: DAG) -> str:
    """The DAG's schedule in words."""
    expression = getattr(dag.timetable, "expression", None)
    return f"`{expression}`" if expression else "by hand"


def _section(dag: DAG) -> str:
    # The documentation's own headline is replaced by the DAG's name, which other pages link to.
    text = re.sub(r"^#+ (.+)\n", r"**\1**\n", (dag.doc_md or "").strip(), count=1)
    params = [(name, dag.params.get_param(name)) for name in dag.params]
    lines = [f"## {dag.dag_id}", "", text, ""]
    if params:
        lines += ["| Param | what it is |", "|---|---|"]
        lines += [
            f"| `{name}` | {param.description or param.schema.get('title', '')} |" for name, param in params
        ]
        lines.append("")
    return "\n".join(lines)


def load_dags(folder: Path) -> list[DAG]:
    """The DAGs of a folder.

    Raises:
        SystemExit: a file does not load, or there are none.
    """
    from airflow.dag_processing.dagbag import DagBag  # late import: needs Airflow's configuration

    bag = DagBag(str(folder))
    if bag.import_errors or not bag.dags:
        raise SystemExit(f"the DAGs of {folder} do not load: {bag.import_errors or 'there are none'}")
    return list(bag.dags.values())


def files(root: Path) -> dict[str, str]:
    """The page by its path relative to the repository."""
    return {PAGE.relative_to(REPO).as_posix(): render(load_dags(root / "dags"))}


main = Generator("tools.generate.dag_pages", __doc__, files).main


if __name__ == "__main__":
    sys.exit(main())
