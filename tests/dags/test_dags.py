"""Every DAG: loads without touching the network, has the shape that is drawn, and keeps the house's policy."""

from __future__ import annotations

import ast
import copy
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
from servers import REPO

from ecommerce_dwh.settings import get_settings

DAG_FILES = sorted((REPO / "dags").glob("*.py"))
EXPECTED = {
    "ecommerce_dwh_bootstrap": {
        "plan_changes": set(),
        "apply_ddl": {"plan_changes"},
        "load_dim_date": {"apply_ddl"},
    },
    "ecommerce_dwh_daily": {
        "wait_for_raw": set(),
        "crawl_raw": {"wait_for_raw"},
        "check_schema_drift": {"crawl_raw"},
        "process_data": {"check_schema_drift"},
        "assess_quality": {"process_data"},
        "quality_gate": {"assess_quality"},
        **{
            f"load_staging.copy_{name}": {"quality_gate"}
            for name in (
                "customers",
                "products",
                "orders",
                "order_items",
                "web_events",
                "ledger",
                "check_result",
            )
        },
        "load_staging.replace_slices": {
            f"load_staging.copy_{name}"
            for name in (
                "customers",
                "products",
                "orders",
                "order_items",
                "web_events",
                "ledger",
                "check_result",
            )
        },
        "merge_dimensions.dim_customer": {"load_staging.replace_slices"},
        "merge_dimensions.dim_product": {"load_staging.replace_slices"},
        "merge_facts.fact_sales": {"merge_dimensions.dim_customer", "merge_dimensions.dim_product"},
        "merge_facts.fact_web_events": {"merge_dimensions.dim_customer", "merge_dimensions.dim_product"},
        "merge_facts.fact_inventory": {"merge_facts.fact_sales", "merge_facts.fact_web_events"},
        "audit": {"merge_facts.fact_inventory"},
        "refresh_views": {"audit"},
        "publish": {"refresh_views"},
    },
    "ecommerce_dwh_freshness": {"watch": set()},
    "ecommerce_dwh_maintenance": {
        "stop_orphan_runs": set(),
        "remove_unreferenced_files": set(),
        "check_storage": set(),
        "report_slow_queries": set(),
        "clean_staging": set(),
        "care_for_tables": {"clean_staging"},
        "wait_until_published": set(),
        "full_audits": {"wait_until_published"},
        "forget_old_requests": set(),
    },
    "ecommerce_dwh_preflight": {"survey": set()},
    "ecommerce_dwh_erase_person": {
        "survey": set(),
        "search_files": {"survey"},
        "plan": {"search_files"},
        "rewrite_files": {"plan"},
        "erase_warehouse": {"rewrite_files"},
        "reload_days": {"erase_warehouse"},
        "verify_files": {"reload_days"},
        "verify": {"verify_files"},
        "forget_request": {"verify"},
    },
    "ecommerce_dwh_ingest": {"check_shop_schema": set(), "extract": {"check_shop_schema"}},
    "ecommerce_dwh_replay": {"survey": set(), "replay_days": {"survey"}, "result": {"replay_days"}},
}


@pytest.fixture(scope="module")
def dagbag() -> DagBag:
    return DagBag(str(REPO / "dags"))


@pytest.fixture(scope="module")
def dags(dagbag):
    return dagbag.dags


def all_tasks(dags):
    return [task for dag in dags.values() for task in dag.tasks]


def test_all_dags_load_and_there_are_no_others(dagbag):
    assert dagbag.import_errors == {}
    assert set(dagbag.dags) == set(EXPECTED)
    assert {Path(dag.fileloc).stem for dag in dagbag.dags.values()} == {file.stem for file in DAG_FILES}


@pytest.mark.parametrize("dag_id", sorted(EXPECTED))
def test_tasks_and_their_order_are_as_drawn(dags, dag_id):
    assert {task.task_id: set(task.upstream_task_ids) for task in dags[dag_id].tasks} == EXPECTED[dag_id]


def test_every_dag_is_documented_owned_tagged_and_limited(dags):
    for dag in dags.values():
        assert dag.doc_md, dag.dag_id
        assert dag.doc_md.count("\n") > 5, dag.dag_id
        assert dag.description, dag.dag_id
        assert "ecommerce-dwh" in dag.tags, dag.dag_id
        assert dag.max_active_runs == 1, dag.dag_id
        assert dag.catchup is False, dag.dag_id
        assert dag.has_on_failure_callback, dag.dag_id
        assert {task.owner for task in dag.tasks} == {"data-eng"}, dag.dag_id


def test_a_dag_that_people_start_is_created_unpaused_and_a_scheduled_one_paused(dags):
    """A run of a paused DAG waits without a word; a schedule waits until somebody switches it on."""
    by_hand = {id_ for id_, dag in dags.items() if dag.is_paused_upon_creation is False}
    assert by_hand == {"ecommerce_dwh_replay", "ecommerce_dwh_preflight", "ecommerce_dwh_erase_person"}
    assert {id_ for id_ in by_hand if dags[id_].timetable.can_be_scheduled} == set()


def test_every_step_of_a_dag_is_in_its_documentation(dags):
    for dag in dags.values():
        tops = {task.task_id.split(".")[0] for task in dag.tasks}
        assert {top for top in tops if f"**{top}**" not in dag.doc_md} == set(), dag.dag_id


def test_every_task_has_a_time_limit_retries_and_tells_of_its_failure(dags):
    tasks = all_tasks(dags)
    assert tasks
    for task in tasks:
        assert isinstance(task.execution_timeout, timedelta), task.task_id
        assert timedelta(0) < task.execution_timeout <= timedelta(hours=6), task.task_id
        assert task.retries >= 1, task.task_id
        assert task.on_failure_callback, task.task_id


def test_a_sensors_own_timeout_comes_before_its_execution_timeout(dags):
    for task in all_tasks(dags):
        if getattr(task, "_is_sensor", False):
            assert timedelta(seconds=task.timeout) < task.execution_timeout, task.task_id


def test_every_sql_file_that_a_task_names_was_found(dags):
    for task in all_tasks(dags):
        for text in [task.sql] if isinstance(getattr(task, "sql", None), str) else getattr(task, "sql", []):
            assert not text.endswith(".sql"), f"{task.task_id}: {text}"


@pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.stem)
def test_a_dag_file_is_short_and_only_wires(file):
    lines = file.read_text("utf-8").splitlines()
    assert len(lines) < 150
    tree = ast.parse("\n".join(lines))
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    assert functions == [], "logic belongs into the plugin package"


def test_the_daily_runs_ds_is_the_day_that_ended(dags):
    timetable = dags["ecommerce_dwh_daily"].timetable
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables.base import TimeRestriction

    core = coerce_to_core_timetable(timetable)
    restriction = TimeRestriction(earliest=datetime(2026, 3, 1, tzinfo=UTC), latest=None, catchup=True)
    run = core.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)

    assert run.logical_date.strftime("%Y-%m-%d") == "2026-03-01"
    assert run.run_after == datetime(2026, 3, 2, 2, tzinfo=UTC)


def test_the_daily_load_can_be_started_by_the_raw_files_of_all_sources(monkeypatch):
    monkeypatch.setenv("AIRFLOW__ECOMMERCE_DWH__DAILY_TRIGGER", "assets")
    get_settings.cache_clear()
    bag = DagBag(str(REPO / "dags" / "ecommerce_dwh_daily.py"))
    assert bag.import_errors == {}
    timetable = bag.dags["ecommerce_dwh_daily"].timetable

    assert {asset.name for asset in timetable.asset_condition.objects} == {
        f"raw.{s}" for s in get_settings().sources
    }
    dag = DagSerialization.from_dict(DagSerialization.to_dict(bag.dags["ecommerce_dwh_daily"]))
    assert dag.timetable.partitioned


def test_the_deadline_is_four_oclock_of_the_morning_the_run_is_due(dags):
    (deadline,) = dags["ecommerce_dwh_daily"].deadline

    assert datetime(2026, 3, 1, 2, tzinfo=UTC) + deadline.interval == datetime(2026, 3, 2, 4, tzinfo=UTC)
    assert deadline.callback.path == "ecommerce_dwh.alerts.callbacks.mail_missed_deadline"


@pytest.mark.parametrize(
    ("conf", "is_valid"),
    [
        ({}, True),
        ({"start_date": "2026-01-01", "end_date": "2026-01-31"}, True),
        ({"start_date": "2026-01-01"}, True),
        ({"start_date": "01/01/2026"}, False),
        ({"end_date": 20260101}, False),
        ({"end_date": ["2026-01-01"]}, False),
    ],
)
def test_params_are_checked_when_a_run_is_triggered(dags, conf, is_valid):
    from airflow.sdk.exceptions import ParamValidationError

    params = copy.copy(dags["ecommerce_dwh_daily"].params)
    if is_valid:
        params.update(conf)
        params.validate()
    else:
        with pytest.raises(ParamValidationError):
            params.update(conf)


def test_dags_survive_serialisation(dags):
    for dag in dags.values():
        assert DagSerialization.from_dict(DagSerialization.to_dict(dag)).task_ids == dag.task_ids


def test_loading_the_dags_opens_no_connection_asks_no_service_and_is_quick(tmp_path):
    """In a fresh process whose sockets are closed and whose connections do not exist."""
    script = """
import socket, sys, time
began = time.process_time()
import airflow.sdk, airflow.dag_processing.dagbag
baseline = time.process_time() - began

def refuse(*args, **kwargs):
    raise RuntimeError("a DAG file opened a socket")

socket.socket.connect = refuse
import airflow.sdk.definitions.connection as connection
connection.Connection.get = classmethod(refuse)
began = time.process_time()
bag = airflow.dag_processing.dagbag.DagBag(sys.argv[1])
seconds = time.process_time() - began
assert not bag.import_errors, bag.import_errors
assert len(bag.dags) == int(sys.argv[2]), bag.dags
for heavy in ("pyspark", "pandas", "holidays", "redshift_connector"):
    assert heavy not in sys.modules, heavy
print(f"{seconds / baseline:.2f}")
"""
    environ = {
        **os.environ,
        "PYTHONPATH": str(REPO / "plugins"),
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/none.db",
    }
    done = subprocess.run(
        [sys.executable, "-c", script, str(REPO / "dags"), str(len(EXPECTED))],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert not (tmp_path / "none.db").exists()
    # In CPU time, of what importing Airflow takes: seconds depend on what else the machine does.
    assert float(done.stdout.split()[-1]) < 1


def test_tables_that_are_published_are_those_of_the_warehouse():
    from ecommerce_dwh.publishing.assets import published_tables
    from ecommerce_dwh.warehouse.sql_files import relations

    known = {str(relation) for relation in relations()}
    assert {f"{schema}.{table}" for schema, tables in published_tables().items() for table in tables} <= known


def test_the_page_of_all_dags_is_up_to_date(dags):
    from tools.generate.dag_pages import PAGE, render

    assert PAGE.read_text("utf-8") == render(dags.values()), "run: python -m tools.generate.dag_pages"


def test_reading_the_dag_of_bootstrap_loads_no_sql_parser():
    """The parser takes a fifth of a second, and the DAG processor reads every file again and again."""
    code = "import sys, ecommerce_dwh.changes.bootstrap_task; sys.exit('sqlglot' in sys.modules)"
    subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(REPO / "plugins")}, check=True
    )
