"""The maintenance's operators against the real endpoints: Redshift, S3, Glue."""

from __future__ import annotations

import itertools
import json
import threading
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowSensorTimeout, AirflowSkipException
from contexts import context_of, in_dag
from servers import REPO

from ecommerce_dwh.care.maintenance_task import (
    SlowQueryReport,
    StagingCleanupOperator,
    TableCareOperator,
    WarehouseIdleSensor,
    WholeWarehouseAudit,
    is_dry_run,
    maintenance_params,
    maintenance_sql,
)
from ecommerce_dwh.care.storage_task import OrphanRunsOperator, StorageCheckOperator, UnreferencedFilesOperator
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.warehouse.audits import AuditError
from ecommerce_dwh.warehouse.sql_files import relations, statements
from ecommerce_dwh.warehouse.sql_text import split_statements

PROCESSED = "ecommerce-dwh-dev-processed"
RAW = "ecommerce-dwh-dev-raw"


def run(operator, *, params=None, **context):
    """Execute an operator of a scheduled run, with the Params' defaults where not given."""
    task = in_dag(operator) if isinstance(operator, type) else in_dag(operator.func, **operator.keywords)
    defaults = {name: param.value for name, param in maintenance_params().items()}
    found = context_of(task, params={**defaults, **(params or {})})
    for name, value in context.items():
        setattr(found["ti"], name, value)
    return task.execute(found)


@pytest.fixture
def care(redshift):
    """A table of the warehouse of which half is deleted."""
    redshift.run(
        "create schema if not exists facts",
        "drop table if exists facts.maintenance_test",
        "create table facts.maintenance_test (a int)",
        "insert into facts.maintenance_test with recursive n (a) as (select 1 union all select a + 1 from n where "
        "a < 4000) select a from n",
        "delete from facts.maintenance_test where a % 2 = 0",
    )
    yield redshift
    redshift.run("drop table facts.maintenance_test")


def health(redshift):
    rows = redshift.query(
        "select tbl_rows, estimated_visible_rows, stats_off from svv_table_info "
        "where \"table\" = 'maintenance_test'"
    )
    return [float(value) for value in rows[0]]


def test_a_table_full_of_deleted_rows_is_vacuumed_and_analysed(care):
    stored, visible, _ = health(care)
    assert (stored, visible) == (4000, 2000)

    result = run(TableCareOperator)

    assert result["cared_for"]['"facts"."maintenance_test"'][-1] == 'analyze "facts"."maintenance_test"'
    assert result["cared_for"]['"facts"."maintenance_test"'][0].startswith("vacuum ")
    assert health(care) == [2000, 2000, 0]
    assert '"facts"."maintenance_test"' not in run(TableCareOperator)["cared_for"]


def test_a_table_that_changed_many_times_over_is_served(care):
    for _ in range(4):  # each changes every row once more
        care.run("update facts.maintenance_test set a = a + 1")
    care.run("delete from facts.maintenance_test where a % 400 <> 0")

    assert 0 <= health(care)[2] <= 100


def test_the_shipped_admin_queries_run_as_they_are(redshift):
    assert redshift.query(maintenance_sql("slow_queries")[0])
    text = (REPO / "include" / "sql" / "maintenance" / "update_statistics.sql").read_text("utf-8")
    redshift.run("create schema if not exists facts", "create schema if not exists dimensions")
    for statement in split_statements(text):
        name = statement.split()[-1]
        redshift.run(f"create table if not exists {name} (a int)", statement)


def test_the_slow_query_report_names_the_task(redshift):
    redshift.run("select count(*) from svv_table_info")

    queries = run(SlowQueryReport)

    assert queries[0]["query_text"]
    assert all(
        float(a["elapsed_seconds"]) >= float(b["elapsed_seconds"]) for a, b in itertools.pairwise(queries)
    )


@pytest.fixture
def lake(aws):
    """A processed bucket with files of one run that its manifest names, and of a dead attempt."""
    used = "accepted/orders/run=r1/try=b/dt=2026-01-01/x.parquet"
    dead = "accepted/orders/run=r1/try=a/dt=2026-01-01/x.parquet"
    foreign = "accepted/orders/run=r2/try=c/dt=2026-01-01/x.parquet"
    aws.put(PROCESSED, used, dead, foreign)
    manifest = {"entries": [{"url": f"s3://{PROCESSED}/{used}", "mandatory": True}]}
    aws.put(PROCESSED, "runs/r1/copy/orders.manifest", body=json.dumps(manifest).encode())
    aws.put(PROCESSED, "runs/r2/copy/orders.manifest", body=b"{ not whole")
    return SimpleNamespace(aws=aws, used=used, dead=dead, foreign=foreign)


def keys(aws, prefix="accepted/"):
    found = aws.client("s3").list_objects_v2(Bucket=PROCESSED, Prefix=prefix).get("Contents", ())
    return {entry["Key"] for entry in found}


@pytest.fixture
def later(monkeypatch):
    """Let the operators believe that it is ten days later: S3 gives each object the time of its PUT."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(days=10)

    for module in ("maintenance_task", "storage_task"):
        monkeypatch.setattr(f"ecommerce_dwh.care.{module}.datetime", Clock)


def test_files_of_dead_attempts_go_and_doubtful_ones_stay(lake, later):
    dry = run(UnreferencedFilesOperator, params={"dry_run": True})
    assert dry["removed"] == ["accepted/orders/run=r1/try=a/"]
    assert keys(lake.aws) == {lake.used, lake.dead, lake.foreign}

    assert run(UnreferencedFilesOperator)["removed"] == ["accepted/orders/run=r1/try=a/"]
    assert keys(lake.aws) == {lake.used, lake.foreign}


def test_young_files_stay(lake):
    assert run(UnreferencedFilesOperator)["removed"] == []


@pytest.mark.parametrize(
    ("run_type", "chosen", "dry"),
    [("scheduled", None, False), ("manual", None, True), ("manual", False, False), ("scheduled", True, True)],
)
def test_runs_by_hand_only_show_unless_told_otherwise(run_type, chosen, dry):
    context = {"params": {"dry_run": chosen}, "dag_run": SimpleNamespace(run_type=run_type)}

    assert is_dry_run(context) is dry


def test_a_lifecycle_that_deletes_raw_files_fails(aws):
    s3 = aws.client("s3")
    assert isinstance(run(StorageCheckOperator), list)
    rule = {"ID": "oops", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 365}}
    s3.put_bucket_lifecycle_configuration(Bucket=RAW, LifecycleConfiguration={"Rules": [rule]})
    try:
        with pytest.raises(AirflowException, match="rule oops deletes raw files"):
            run(StorageCheckOperator)
    finally:
        s3.delete_bucket_lifecycle(Bucket=RAW)


@pytest.fixture
def staging(redshift):
    """Empty staging tables as bootstrap makes them."""
    sql_dir = get_settings().sql_dir
    tables = [relation.definition for relation in relations(sql_dir) if relation.schema == "staging"]
    redshift.run(
        "create schema if not exists staging", *(text for file in tables for text in statements(file, sql_dir))
    )
    yield redshift
    redshift.run("drop schema staging cascade")


def test_rows_of_abandoned_runs_leave_staging(staging, aws, later):
    for name in ("gone", "old"):
        staging.run(
            f"insert into staging.stg_ledger (source, delivery_date, run_id, files, raw_rows, accepted_rows, "
            f"superseded_rows, quarantined_rows, raw_amount, accepted_amount, superseded_amount, "
            f"quarantined_amount) "
            f"values ('orders', '2026-01-01', '{name}', 1, 1, 1, 0, 0, 0, 0, 0, 0)"
        )
    aws.put(PROCESSED, "runs/old/processing.json")

    assert run(StagingCleanupOperator, params={"dry_run": True})["abandoned"] == {"gone": 1, "old": 1}
    assert staging.query("select count(*) from staging.stg_ledger") == [(2,)]
    assert run(StagingCleanupOperator, params={"min_age_days": 30})["abandoned"] == {"gone": 1}
    assert staging.query("select run_id from staging.stg_ledger") == [("old",)]
    assert run(StagingCleanupOperator)["abandoned"] == {"old": 1}
    assert staging.query("select count(*) from staging.stg_ledger") == [(0,)]


@pytest.fixture
def queue(redshift):
    """The tables that say what is not published yet, empty."""
    redshift.run(
        "drop schema if exists history cascade",
        "create schema history",
        "create schema if not exists quality",
        "drop table if exists quality.warehouse_state cascade",
        "drop table if exists quality.audit_state cascade",
        "create table history.pending_key (entity varchar(32), key_value varchar(64))",
        "create table history.pending_inventory (product_id varchar(64))",
        "create table history.pending_event_day (event_date date)",
        "create table quality.warehouse_state (merge_seq bigint)",
        "create table quality.audit_state (audited_seq bigint)",
        "insert into quality.warehouse_state values (3)",
        "insert into quality.audit_state values (3)",
    )
    yield redshift
    redshift.run("drop schema history cascade", "drop table quality.warehouse_state, quality.audit_state")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("insert into history.pending_key values ('agg_order', 'o-1')", "1 keys of agg_order"),
        ("insert into history.pending_inventory values ('p-1')", "1 stock snapshots"),
        ("insert into history.pending_event_day values ('2026-01-01')", "1 days of web events"),
        ("update quality.warehouse_state set merge_seq = 5", "2 merges without audit"),
    ],
)
def test_whole_warehouse_audits_wait_for_what_is_half_done(queue, change, words):
    sensor = in_dag(WarehouseIdleSensor, timeout=timedelta(0), defer=False)
    assert sensor.execute(context_of(sensor))["found"] == "everything that was merged is published"
    queue.run(change)

    with pytest.raises(AirflowSensorTimeout, match=words):
        sensor.execute(context_of(sensor))


@pytest.fixture
def comparison(queue, tmp_path, monkeypatch):
    """The real audit of aggregates and facts, on tables that disagree as long as a run is between the two."""
    shipped = get_settings().sql_dir
    (tmp_path / "sql" / "maintenance" / "audits").mkdir(parents=True)
    audit = (shipped / "maintenance" / "audits" / "product_days_match_facts.sql").read_text()
    (tmp_path / "sql" / "maintenance" / "audits" / "product_days_match_facts.sql").write_text(audit)
    for name in ("control", "macros", "maintenance/unpublished_work.sql"):
        (tmp_path / "sql" / name).symlink_to(shipped / name)
    monkeypatch.setenv("AIRFLOW__ECOMMERCE_DWH__INCLUDE_DIR", str(tmp_path))
    get_settings.cache_clear()
    queue.run(
        "drop table if exists quality.audit_results",
        "create table quality.audit_results (run_id varchar(250), audit varchar(128), severity varchar(16), "
        "violations bigint, sample varchar(4000), checked_at timestamp)",
        "drop schema if exists facts cascade",
        "create schema facts",
        "create table facts.fact_sales (product_id varchar(8), order_date date, quantity int, is_revenue boolean)",
        "create table facts.agg_product_day (product_id varchar(8), order_date date, units bigint)",
        "insert into facts.fact_sales values ('p', '2026-01-01', 2, true)",
        "insert into facts.agg_product_day values ('p', '2026-01-01', 2)",
    )
    yield queue
    queue.run("drop schema facts cascade", "drop table quality.audit_results")
    get_settings.cache_clear()


_MERGE = (
    "insert into facts.fact_sales values ('p', '2026-01-02', 1, true)",
    "insert into history.pending_key values ('agg_order', 'o-1')",
    "update quality.warehouse_state set merge_seq = merge_seq + 1",
)
_REFRESH = (
    "insert into facts.agg_product_day values ('p', '2026-01-02', 1)",
    "delete from history.pending_key",
    "update quality.audit_state set audited_seq = (select merge_seq from quality.warehouse_state)",
)


def whole(**arguments):
    task = in_dag(WholeWarehouseAudit, **{"pause": timedelta(seconds=0.05), **arguments})
    return task.execute(context_of(task))


def results(redshift):
    return redshift.query("select audit, violations from quality.audit_results")


def test_a_run_between_facts_and_refresh_is_no_violation(comparison):
    comparison.run(*_MERGE)

    with pytest.raises(
        AirflowSkipException, match=r"not published .*1 keys of agg_order.*1 merges without audit"
    ):
        whole(patience=timedelta(0))

    assert results(comparison) == []


def test_an_audited_run_whose_aggregates_are_not_refreshed_is_none_either(comparison):
    """Between audit and refresh the sequence numbers agree already; only the pending keys tell."""
    comparison.run(
        *_MERGE, "update quality.audit_state set audited_seq = (select merge_seq from quality.warehouse_state)"
    )

    with pytest.raises(AirflowSkipException, match="1 keys of agg_order"):
        whole(patience=timedelta(0))


def test_the_audits_wait_for_a_run_that_ends(comparison):
    comparison.run(*_MERGE)
    refresh = threading.Timer(0.3, comparison.run, _REFRESH)
    refresh.start()

    found = whole(patience=timedelta(minutes=2))

    refresh.join()
    assert found["audits"] == 1
    assert results(comparison) == [("product_days_match_facts", 0)]


def test_a_run_that_merges_while_an_audit_reads_is_no_violation(comparison, monkeypatch):
    """The look for unpublished work and the audit see one snapshot, whatever is committed between them."""
    looked = WholeWarehouseAudit.__mro__[1]._check

    def check(self, audit, cursor):
        comparison.run(*_MERGE)
        return looked(self, audit, cursor)

    monkeypatch.setattr(WholeWarehouseAudit.__mro__[1], "_check", check)

    assert whole()["audits"] == 1
    assert results(comparison) == [("product_days_match_facts", 0)]


def test_what_disagrees_in_a_warehouse_at_rest_is_told(comparison):
    comparison.run(_MERGE[0])

    with pytest.raises(AuditError, match="product_days_match_facts: 1 rows break"):
        whole()


def uuid(task, run_id="scheduled__1"):
    return {"--airflow_task_uuid": f"ecommerce_dwh_daily:{task}:{run_id}:-1"}


def test_runs_whose_task_is_dead_are_stopped(glue):
    for name, task in (("jr_live", "alive"), ("jr_dead", "dead")):
        glue.add_run(name, "RUNNING", uuid(task))
    glue.add_run("jr_hand", "RUNNING", {})
    glue.add_run("jr_over", "SUCCEEDED", uuid("dead"))
    states = {"alive": "deferred", "dead": "failed"}

    def get_task_states(dag_id, run_ids):
        return {run_ids[0]: states}

    shown = run(OrphanRunsOperator, params={"dry_run": True}, get_task_states=get_task_states)
    assert set(shown["orphans"]) == {"jr_dead"}
    assert "BatchStopJobRun" not in glue.calls

    assert set(run(OrphanRunsOperator, get_task_states=get_task_states)["stopped"]) == {"jr_dead"}
    assert next(run["states"] for run in glue.runs if run["Id"] == "jr_dead") == ["STOPPED"]
    assert next(run["states"] for run in glue.runs if run["Id"] == "jr_live") == ["RUNNING"]
