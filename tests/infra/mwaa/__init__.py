"""Airflow as MWAA starts it: the unpacked package in MWAA's folders, and the options that Terraform gives it."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from terraform import environ


def unpack(dist: Path, home: Path) -> None:
    """Lay the package out as MWAA does: DAGs synced, plugins.zip unpacked."""
    shutil.copytree(dist / "mwaa" / "dags", home / "dags")
    with zipfile.ZipFile(dist / "mwaa" / "plugins.zip") as archive:
        archive.extractall(home / "plugins")


def airflow_environ(
    home: Path, options: Mapping[str, str], aws: Mapping[str, str], extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Environment of an Airflow component.

    Args:
        home: AIRFLOW_HOME, with the package unpacked in it.
        options: configuration options, as Terraform gives them to MWAA (``section.key``).
        aws: where AWS is and who we are there.
        extra: what is set besides.
    """
    variables = {
        **aws,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
        "PYTHONWARNINGS": "ignore",
        **{f"AIRFLOW__{name.replace('.', '__').upper()}": value for name, value in options.items()},
        **(extra or {}),
    }
    inherited = {
        name: value for name, value in environ({}).items() if not name.startswith(("AIRFLOW", "PYTHON"))
    }
    return {**inherited, **variables}


def run(python: Path, script: str, home: Path, variables: Mapping[str, str], *arguments: str) -> str:
    """Run a script in that Airflow; a failure fails the test with the end of its output."""
    done = subprocess.run(
        [str(python), "-c", script, *arguments],
        cwd=home,
        env=dict(variables),
        text=True,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


_PARSE = """
import json, sys
from airflow.configuration import conf
from airflow.dag_processing.dagbag import DagBag
from airflow import plugins_manager
from airflow.sdk import Connection
from ecommerce_dwh.settings import get_settings

options = json.loads(sys.argv[1])
sections = conf.configuration_description
known = {f'{section}.{key}' for section in sections for key in sections[section]['options']}
unknown = [name for name in options if name not in known and not name.startswith('ecommerce_dwh.')]
bag = DagBag()
plugins_manager.ensure_plugins_loaded()
found = get_settings()
redshift = Connection.get('redshift_default')
print('FOUND', json.dumps({
    'dags': sorted(bag.dags), 'errors': bag.import_errors, 'plugin_errors': plugins_manager.get_import_errors(),
    'plugins': [plugin.name for plugin in plugins_manager._get_plugins()[0]], 'unknown': unknown,
    'lazy': conf.getboolean('core', 'lazy_load_plugins'), 'include': str(found.include_dir),
    'python': sys.version_info[:2], 'topic': found.sns_topic_arn, 'host': redshift.host, 'password': redshift.password,
}))
"""


def parse(python: Path, home: Path, variables: Mapping[str, str], options: Mapping[str, str]) -> dict[str, Any]:
    """What that Airflow finds in the package: DAGs, plugins, their errors, settings and the warehouse's connection."""
    told = run(python, _PARSE, home, variables, json.dumps(options))
    return dict(json.loads(next(line for line in told.splitlines() if line.startswith("FOUND "))[6:]))
