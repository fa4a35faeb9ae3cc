"""Alerts through Airflow's own components: scheduler, DAG processor, triggerer, and a real mail server.

What the callbacks get, and what they may ask for, differs between the components; only they can tell.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from servers import REPO, free_port, start_airflow_database, start_mail, start_redshift, wait_for_port

pytestmark = [pytest.mark.slow]
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")


@pytest.fixture
def airflow(tmp_path):
    """Airflow's components, on a database of their own, with the DAGs of ``live/``."""
    with ExitStack() as stack:
        mailbox = stack.enter_context(start_mail(tmp_path / "mail"))
        database = stack.enter_context(start_airflow_database(tmp_path / "postgres"))
        (tmp_path / "redshift").mkdir()
        redshift = stack.enter_context(start_redshift(tmp_path / "redshift"))
        redshift.run(
            "create schema if not exists quality",
            "create table quality.warehouse_state (published_day date, published_at timestamp, published_run_id "
            "varchar(250))",
            "insert into quality.warehouse_state values ('2026-01-31', '2026-02-01 03:00', 'scheduled__1')",
        )
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
            "AIRFLOW_CONN_REDSHIFT_DEFAULT": json.dumps(redshift.connection),
            # No CloudWatch here: alerts do not need it.
            "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(no_aws()),
            "TEST_MENDED": str(tmp_path / "mended"),
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
        yield mailbox, tmp_path, environ


def stop(process):
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def no_aws():
    """A connection to an address where nothing listens."""
    extra = {"endpoint_url": f"http://127.0.0.1:{free_port()}", "region_name": "ap-south-1"}
    return {"conn_type": "aws", "login": "x", "password": "x", "extra": extra}


def test_each_incident_makes_one_mail_and_its_end_another(airflow):
    mailbox, folder, environ = airflow

    def mail_of(dag_id, words, seconds=240):
        """The one mail whose subject begins so."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            subjects = [(mail["Subject"], mail) for mail in mailbox.mails()]
            found = [mail for subject, mail in subjects if f"] {dag_id}: " in subject and words in subject]
            if found:
                assert len(found) == 1, [mail["Subject"] for mail in found]
                return found[0].get_body(("plain",)).get_content()
            time.sleep(0.5)
        raise AssertionError(f"no mail of {dag_id} with {words!r}: {[s for s, _ in subjects]}\n{logs(folder)}")

    text = mail_of("incident", "3 tasks failed")
    assert "left: job jr_1 ended as FAILED: no header <b>x</b>" in text
    assert "right: something & else" in text
    assert "killed: no message: the task was ended from outside" in text
    assert "Last published day: 2026-01-31" in text

    text = mail_of("mended", "fails_until_mended failed for")
    assert "broken for now" in text
    Path(environ["TEST_MENDED"]).touch()
    clear = ["airflow", "tasks", "clear", "mended", "--yes"]
    subprocess.run(clear, env=environ, check=True, capture_output=True, timeout=120)

    text = mail_of("asleep", "analytics are stale at 2026-01-31")
    assert "The DAG asleep is paused" in text
    assert "#analytics-stale" in text

    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    text = mail_of("late", f"the run for {yesterday} is late (work)")
    assert re.search(r"Slow task: +work is (running|queued)", text)
    assert "; usually " in text
    assert "missed by " in text
    assert "Usually done:" in text

    text = mail_of("mended", "recovered for")
    assert "fails_until_mended" in text
    time.sleep(6)  # another round of the DAG processor: no second mail for the same incident
    subjects = [mail["Subject"] for mail in mailbox.mails() if "] late: " not in mail["Subject"]]
    assert len(subjects) == 4, subjects


def logs(folder):
    return "\n".join(f"== {name}\n{(folder / f'{name}.log').read_text()[-1500:]}" for name in COMPONENTS)
