"""Writes ``docs/settings.md``: every configuration option, from where it is declared.

``python -m tools.generate.settings_page`` writes the page, ``--check`` fails when it is not what the options say.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ecommerce_dwh.options import options_of
from ecommerce_dwh.settings import Settings
from tools.generate.files import Generator

PAGE = "docs/settings.md"
_HEAD = """# Settings

<!-- generated from plugins/ecommerce_dwh/settings.py: make generate -->

Options of the section `[ecommerce_dwh]` of Airflow's configuration. On Amazon MWAA an option is the configuration
option `ecommerce_dwh.<option>` of the environment (`airflow_options` of the Terraform module `platform`); elsewhere it
is the environment variable `AIRFLOW__ECOMMERCE_DWH__<OPTION>`. A value that is not allowed ends every task and DAG
file with a message that names the option, the value and what is allowed.

| option | default | allowed | meaning |
|---|---|---|---|
"""


def page() -> str:
    """The page."""
    rows = [
        f"| `{name}` | {f'`{default}`' if str(default) else ''} | {option.allowed} | {option.meaning} |"
        for name, default, option in options_of(Settings)
    ]
    return _HEAD + "\n".join(rows) + "\n"


def files(_root: Path) -> dict[str, str]:
    """The page by its path relative to the repository."""
    return {PAGE: page()}


main = Generator("tools.generate.settings_page", __doc__, files).main


if __name__ == "__main__":
    sys.exit(main())
