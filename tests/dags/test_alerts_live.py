"""Alerts through Airflow's own components: scheduler, DAG processor, triggerer, and a real mail server.

What the callbacks get, and what they may ask for, differs between the components; only they can tell.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from servers import REPO, free_port, start_airflow_database, start_mail, wait_for_port

pytestmark = [pytest.mark.slow]
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")


@pytest.fixture
def airflow(tmp_path):
    """Airflow's components, on a database of their own, with the DAGs of ``live/``."""
    with ExitStack() as stack:
        mailbox = stack.enter_context(start_mail(tmp_path / "mail"))
        database = stack.enter_context(start_airflow_database(tmp_path / "postgres"))
        port = free_port()
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "AWS_"))}
        environ = {
            **inherited,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(REPO / "plugins"),
            "AIRFLOW_HOME": str(tmp_path / "home"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent / "live"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(tmp_path / "plugins"),  # alerts need none
            # A machine that other tests keep busy: wait for the API, and find dead tasks soon.
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
            "AIRFLOW__API__SECRET_KEY": "test",
            "AIRFLOW__API_AUTH__JWT_SECRET": "test-" * 20,
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW_CONN_SMTP_DEFAULT": json.dumps(mailbox.connection),
        }

        migrate = ["airflow", "db", "migrate"]
        subprocess.run(migrate, env=environ, check=True, capture_output=True, timeout=120)
        for component in COMPONENTS:
            log = tmp_path / f"{component}.log"
            process = subprocess.Popen(
                ["airflow", component],
                env=environ,
                stdout=stack.enter_context(log.open("wb")),
                stderr=subprocess.STDOUT,
            )
            stack.callback(stop, process)
            if component == "api-server":
                wait_for_port(port, process, log)
        yield mailbox, tmp_path


def stop(process):
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def test_one_mail_for_a_failed_run_and_one_for_a_late_one(airflow):
    mailbox, folder = airflow

    mails = {mail["Subject"].split(":")[0]: mail for mail in mailbox.wait_for(2, seconds=300)}

    assert set(mails) == {"[dev] incident", "[dev] late"}, logs(folder)
    text = mails["[dev] incident"].get_body(("plain",)).get_content()
    assert "3 tasks failed" in mails["[dev] incident"]["Subject"]
    assert "left: job jr_1 ended as FAILED: no header <b>x</b>" in text
    assert "right: something & else" in text
    assert "killed: no message: the task was ended from outside" in text
    assert "State:    running" in mails["[dev] late"].get_body(("plain",)).get_content()
    time.sleep(6)  # another round of the DAG processor: no second mail for the same incident
    assert len(mailbox.mails()) == 2


def logs(folder):
    return "\n".join(f"== {name}\n{(folder / f'{name}.log').read_text()[-1500:]}" for name in COMPONENTS)
