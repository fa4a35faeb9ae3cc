"""The laptop's scheduler forks its tasks with other people's packages imported already."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
DAGS = sorted(path.stem for path in (REPO / "dags").glob("*.py"))

# As the scheduler does it: its own modules, the preloaded ones, then the DAG files as a task's process reads them.
_CHILD = """
import json, sys
from pathlib import Path
import airflow.cli.commands.scheduler_command, airflow.executors.local_executor, airflow.jobs.scheduler_job_runner
from local.stack.preloaded import preload

preload()
import threading
threads = threading.active_count()
before = set(sys.modules)
from airflow.sdk.plugins_manager import integrate_macros_plugins
from airflow.dag_processing.dagbag import BundleDagBag

integrate_macros_plugins()
bag = BundleDagBag(dag_folder=sys.argv[1], bundle_path=Path(sys.argv[1]), bundle_name="dags-folder")
after = sorted(set(sys.modules) - before)
found = {"threads": threads, "dags": sorted(bag.dags), "errors": bag.import_errors, "modules": after}
Path(sys.argv[2]).write_text(json.dumps(found))
"""


def test_no_dag_file_brings_a_foreign_package_into_the_task(tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    environ = {
        **{key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW__")},
        "PYTHONPATH": f"{REPO}{os.pathsep}{REPO / 'plugins'}",
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPO / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPO / "plugins"),
        "AIRFLOW__ECOMMERCE_DWH__INCLUDE_DIR": str(REPO / "include"),
    }
    command = [sys.executable, "-c", _CHILD, str(REPO / "dags"), str(found)]
    subprocess.run(command, cwd=REPO, env=environ, check=True, capture_output=True, timeout=300)

    told = json.loads(found.read_text())
    assert told["dags"] == DAGS
    assert told["errors"] == {}
    assert told["threads"] == 1, "a thread does not live on in a forked process"
    foreign = ("airflow.providers", "boto3", "botocore", "openlineage", "redshift_connector", "requests")
    assert [module for module in told["modules"] if module.startswith(foreign)] == []
    assert any(module.startswith("ecommerce_dwh") for module in told["modules"])
