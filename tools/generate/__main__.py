"""Writes, or with ``--check`` verifies, every file of the repository that follows from another one.

    PYTHONPATH=plugins python -m tools.generate [--check]

SQL, COPY scripts and rulesets follow from the source contracts; pages of the documentation from DAGs and SQL.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
import tempfile
from pathlib import Path

# Module and what it keeps; each has a main() that takes --check.
GENERATORS = {
    "tools.generate.fingerprints": "fingerprints of the code that builds tables",  # first: other SQL renders them
    "tools.generate.codegen": "staging and history tables, COPY scripts",
    "tools.generate.dqdl": "Glue Data Quality rulesets",
    "tools.generate.dag_pages": "docs/dags.md",
    "tools.generate.dictionary": "docs/data-dictionary.md, comments of the catalogue",
    "tools.generate.lineage": "docs/lineage.md and its picture",
    "tools.generate.permissions": "docs/permissions.md",
    "tools.generate.settings_page": "docs/settings.md",
    "tools.generate.rooms": "the rooms of the plugin in docs/architecture.md and their picture",
}


def main(arguments: list[str] | None = None) -> int:
    """Run all generators; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail when a file is not up to date"
    )
    check = parser.parse_args(arguments).check
    stale = []
    with tempfile.TemporaryDirectory(prefix="dwh-generate-") as home:
        _isolate_airflow(home)
        for name, what in GENERATORS.items():
            if importlib.import_module(name).main(["--check"] if check else []):
                stale.append(f"{what} ({name})")
    if stale:
        print(f"Not up to date: {'; '.join(stale)}. Run make generate.", file=sys.stderr)
    return 1 if stale else 0


def _isolate_airflow(home: str) -> None:
    """DAG files are read with defaults, whatever configuration the calling shell carries, and leave nothing behind."""
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
    os.environ |= {
        "AIRFLOW_HOME": home,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(Path(home) / "plugins"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }
    logging.disable(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
