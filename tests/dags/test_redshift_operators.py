"""Warehouse operators against the local Redshift endpoint, through the real hook and driver."""

from __future__ import annotations

import json
import shutil
import threading
import time
from datetime import timedelta

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from contexts import context_of, execute, in_dag

from ecommerce_dwh.changes.bootstrap_task import ApplyOperator, PlanOperator
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.warehouse import sql_files
from ecommerce_dwh.warehouse.audits import AuditError, WarehouseAuditOperator
from ecommerce_dwh.warehouse.bootstrap import CalendarOperator
from ecommerce_dwh.warehouse.client import Warehouse, query_group
from ecommerce_dwh.warehouse.errors import GuardError, StatementError, is_conflict
from ecommerce_dwh.warehouse.operators import RedshiftSQLOperator
from ecommerce_dwh.warehouse.sql_files import SCHEMAS
from ecommerce_dwh.warehouse.sql_text import without_comments


def sql_task(sql, **arguments):
    return in_dag(RedshiftSQLOperator, **{"sql": sql, "backoff_seconds": 0.05, **arguments})


def run(sql, params=None, **arguments):
    task = sql_task(sql, **arguments)
    return execute(task, context_of(task, params=params))


def test_all_statements_are_one_transaction(redshift):
    summary = run(
        "create table t.a (n int); insert into t.a values (1), (2), (3); delete from t.a where n = 3;"
    )

    assert redshift.query("select count(*) from t.a") == [(2,)]
    assert [entry["rows"] for entry in summary["statements"]][1:] == [3, 1]
    assert summary["rows"] == 4


def test_nothing_remains_of_a_failed_file_and_the_error_names_the_statement(redshift):
    redshift.run("create table t.a (n int)")

    with pytest.raises(StatementError) as failure:
        run(
            "insert into t.a values (1);\n-- the bad one\nselect x\nfrom t.nowhere;\ninsert into t.a values (2)"
        )

    assert "statement 2 of 3 (select x) failed" in str(failure.value)
    assert "SQLSTATE 42P01" in str(failure.value)
    assert redshift.query("select count(*) from t.a") == [(0,)]


def test_files_are_found_and_rendered_for_the_runs_window(redshift, tmp_path, monkeypatch):
    (tmp_path / "sql" / "facts").mkdir(parents=True)
    (tmp_path / "sql" / "facts" / "one.sql").write_text(
        "-- about {{ load.run_id }}; with a semicolon\n"
        "create table t.one as select '{{ load.start_date }}' as first, '{{ load.end_date }}' as last,\n"
        "'{{ load.run_key }}' as run, 'iam_role {{ load.copy_iam_role }}' as role, '50%' as share;"
    )
    monkeypatch.setenv("AIRFLOW__ECOMMERCE_DWH__INCLUDE_DIR", str(tmp_path))
    get_settings.cache_clear()
    task = sql_task(["facts/one.sql", "insert into t.one select * from t.one;"])
    task.resolve_template_files()

    execute(
        task,
        context_of(task, params={"start_date": "2026-02-01", "end_date": "2026-02-03"}, run_id="manual__+"),
    )

    assert (
        redshift.query("select * from t.one")
        == [("2026-02-01", "2026-02-03", "manual__-", "iam_role default", "50%")] * 2
    )


def test_a_file_that_is_not_there_is_named(redshift):
    task = sql_task("facts/nowhere.sql")
    with pytest.raises((AirflowException, Exception), match=r"facts/nowhere\.sql"):
        execute(task, context_of(task))


def test_an_empty_file_is_an_error(redshift):
    with pytest.raises(AirflowException, match="holds no SQL statement"):
        run("-- nothing here;\n")


@pytest.mark.parametrize("command", ["truncate t.a", "commit", "vacuum t.a"])
def test_what_would_commit_half_way_is_refused_before_anything_runs(redshift, command):
    redshift.run("create table t.a (n int)")

    with pytest.raises(StatementError, match="ends the open transaction"):
        run(f"insert into t.a values (1); {command}")
    assert redshift.query("select count(*) from t.a") == [(0,)]


def test_autocommit_runs_each_statement_by_itself(redshift):
    redshift.run("create table t.a (n int)")

    with pytest.raises(StatementError):
        run("insert into t.a values (1); vacuum t.a; insert into t.gone values (2)", autocommit=True)
    assert redshift.query("select count(*) from t.a") == [(1,)]


def test_a_guard_stops_the_task_with_its_message_and_rows(redshift):
    redshift.run("create table t.a (n int)", "insert into t.a values (7)")

    with pytest.raises(GuardError) as failure:
        run("delete from t.a;\n-- guard: t.b must be empty; clear it first\nselect 7 as n, 'seven' as name;")

    assert str(failure.value) == "t.b must be empty; clear it first\n  {'n': 7, 'name': 'seven'}"
    assert redshift.query("select count(*) from t.a") == [(1,)]


def test_a_guard_without_rows_lets_the_task_go_on(redshift):
    run("-- guard: never\nselect 1 where false;\ncreate table t.b (n int)")

    assert redshift.query("select count(*) from t.b") == [(0,)]


def test_a_handler_gives_the_tasks_result(redshift):
    assert run("select 1; select 2 as n", handler=lambda cursor: list(cursor.fetchone())) == [2]


def test_queries_carry_the_tasks_tag_and_limit(redshift):
    settings = run(
        "select current_setting('redshift_shim.query_group'), current_setting('statement_timeout')",
        handler=lambda cursor: list(cursor.fetchone()),
        execution_timeout=timedelta(seconds=90),
    )

    assert json.loads(settings[0]) == {"dag": "test_dag", "task": "task", "try": 1, "run": "manual__1"}
    assert settings[1] in ("90s", "1min30s", "90000ms", "90000")


@pytest.fixture
def endless(redshift):
    """A query that outlasts every test."""
    redshift.run("create table t.digit (n int)", f"insert into t.digit values {', '.join(['(1)'] * 1000)}")
    return "select count(*) from t.digit as a, t.digit as b, t.digit as c, t.digit as d"


def test_a_statement_that_takes_too_long_is_ended_by_the_server(endless):
    with pytest.raises(StatementError, match="SQLSTATE 57014"):
        run(endless, execution_timeout=timedelta(seconds=1))


@pytest.mark.parametrize("length", [1, 60, 400])
def test_a_query_group_is_json_within_redshifts_limit(length):
    task = in_dag(RedshiftSQLOperator, task_id="t" * min(length, 200), sql="select 1")
    tag = query_group(context_of(task, run_id="r" * length))

    assert len(tag) <= 320
    assert set(json.loads(tag)) == {"dag", "task", "try", "run"}


def test_two_transactions_that_collide_both_end_well(redshift):
    """Both read and then write the same row; one is refused by the server and repeats its whole transaction."""
    redshift.run("create table t.counter (n int)", "insert into t.counter values (0)")
    barrier = threading.Barrier(2, timeout=20)
    attempts = []

    def work(warehouse, met):
        def add(cursor):
            ((value,),) = cursor.query("select n from t.counter")
            if not met:
                met.append(True)
                barrier.wait()  # both have read before either writes, the first time
            cursor.run(f"update t.counter set n = {value} + 1")

        warehouse.transaction(add)
        attempts.append(warehouse.attempts)

    threads = [
        threading.Thread(target=work, args=(Warehouse("redshift_default", backoff_seconds=0.05), []))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert redshift.query("select n from t.counter") == [(2,)]
    assert sorted(attempts) == [1, 2]


def test_a_conflict_that_does_not_end_is_reported_with_its_attempts(redshift, monkeypatch):
    from redshift_connector.error import ProgrammingError

    def conflict(cursor):
        raise ProgrammingError(
            {"S": "ERROR", "C": "XX000", "M": "1023 DETAIL: Serializable isolation violation on table"}
        )

    warehouse = Warehouse("redshift_default", max_attempts=3, backoff_seconds=0.01)
    with pytest.raises(StatementError, match="another transaction got in the way 3 times"):
        warehouse.transaction(conflict)
    assert warehouse.attempts == 3


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"C": "40001", "M": "could not serialize access"}, True),
        ({"C": "XX000", "M": "1023"}, True),
        ({"C": "XX000", "M": "1023", "D": "Serializable isolation violation on table - 142443"}, True),
        (
            {"C": "XX000", "M": "ERROR: 1023 DETAIL: Serializable isolation violation on a table in Redshift"},
            True,
        ),
        ({"C": "XX000", "M": "could not complete because of conflict with concurrent transaction"}, True),
        ({"C": "XX000", "M": "deadlock detected"}, True),
        ({"C": "40P01", "M": "deadlock detected"}, True),
        ({"C": "42P01", "M": "relation does not exist"}, False),
        ({"C": "57014", "M": "Query cancelled on user's request"}, False),
        ({"C": "22001", "M": "value too long for type character varying(1023)"}, False),
        ({"C": "42P01", "M": 'relation "stg_1023" does not exist'}, False),
        ({"C": "XX000", "M": "Assert: code 1023, context: spectrum scan"}, False),
        ({"C": "XX000", "M": "10230"}, False),
        ({"C": "22P02", "M": 'invalid input syntax for integer: "deadlock detected"'}, False),
        ({"C": "XX000", "M": "Spectrum Scan Error: conflict with concurrent transaction log"}, False),
    ],
)
def test_only_conflicts_are_repeated(fields, expected):
    from redshift_connector.error import ProgrammingError

    assert is_conflict(ProgrammingError(fields)) is expected


def test_shared_out_jobs_run_at_once_and_answer_in_their_order(redshift):
    """Two jobs that wait for each other end only where each has a session."""
    both = threading.Barrier(2, timeout=20)

    def meet(cursor):
        both.wait()
        return cursor.query("select pg_backend_pid()")[0][0]

    def number(n):
        return lambda cursor: cursor.query(f"select {n}")[0][0]

    first, second, *rest = Warehouse("redshift_default").share_out(
        [meet, meet, *(number(n) for n in range(20))], sessions=2
    )

    assert first != second
    assert rest == list(range(20))


def test_a_shared_out_job_that_fails_ends_the_others(redshift, endless):
    started = threading.Event()

    def long(cursor):
        started.set()
        cursor.query(endless)

    def bad(cursor):
        started.wait(20)
        time.sleep(0.3)
        cursor.query("select x from t.nowhere")

    never = []
    with pytest.raises(StatementError, match=r"nowhere.*SQLSTATE 42P01"):
        Warehouse("redshift_default").share_out([long, bad, lambda _: never.append(1)], sessions=2)

    assert never == []


def test_shared_out_jobs_of_a_transaction_that_met_another_run_again(redshift):
    seen = []

    def conflict(cursor):
        seen.append("conflict")
        if len(seen) == 2:
            raise RuntimeError({"C": "40001", "M": "could not serialize access"})
        return len(seen)

    def plain(cursor):
        seen.append("plain")
        return cursor.query("select 7")[0][0]

    found = Warehouse("redshift_default", backoff_seconds=0.01).share_out([plain, conflict], sessions=1)

    assert seen == ["plain", "conflict", "plain", "conflict"]
    assert found == [7, 4]


def test_a_shared_out_transaction_is_not_repeated_once_another_job_failed(redshift):
    """One meets another transaction while a job beside it fails: it waits, and then leaves its jobs alone."""
    conflicted, ran = threading.Event(), []

    def conflict(_cursor):
        ran.append("conflict")
        conflicted.set()
        raise RuntimeError({"C": "40001", "M": "could not serialize access"})

    def bad(cursor):
        conflicted.wait(20)
        cursor.query("select x from t.nowhere")

    with pytest.raises(StatementError, match=r"nowhere.*SQLSTATE 42P01"):
        Warehouse("redshift_default", backoff_seconds=4).share_out([conflict, bad], sessions=2)

    assert ran == ["conflict"]


def test_a_killed_task_cancels_its_statement(endless):
    task = sql_task(endless)
    context = context_of(task)
    failures = []

    def body():
        try:
            execute(task, context)
        except StatementError as error:
            failures.append(str(error))

    thread = threading.Thread(target=body)
    began = time.monotonic()
    thread.start()
    while task._warehouse is None or not task._warehouse._running_pids:
        time.sleep(0.05)
    time.sleep(0.3)
    task.on_kill()
    thread.join(20)

    assert time.monotonic() - began < 15
    assert "SQLSTATE 57014" in failures[0]


def test_a_task_killed_before_it_connected_cancels_nothing():
    sql_task("select 1").on_kill()


@pytest.fixture
def state(redshift):
    """The tables that operators keep their books in, empty."""
    redshift.run("drop schema if exists quality cascade", "create schema quality")
    for statement in (
        "create table quality.warehouse_state (merge_seq bigint, published_day date, "
        "published_at timestamp, published_run_id varchar(250))",
        "create table quality.audit_state (audited_seq bigint)",
        "insert into quality.warehouse_state (merge_seq) values (5)",
        "insert into quality.audit_state (audited_seq) values (3)",
        "create table quality.audit_results (run_id varchar(250), audit varchar(128), severity varchar(16), "
        "violations bigint, sample varchar(4000), checked_at timestamp)",
    ):
        redshift.run(statement)
    return redshift


@pytest.fixture
def audits(state, tmp_path, monkeypatch):
    """A folder of audits; the operators' own statements are the product's."""
    control = get_settings().sql_dir / "control"
    folder = tmp_path / "sql" / "facts" / "a" / "audits"
    folder.mkdir(parents=True)
    (tmp_path / "sql" / "control").symlink_to(control)
    (tmp_path / "sql" / "macros").symlink_to(control.parent / "macros")
    monkeypatch.setenv("AIRFLOW__ECOMMERCE_DWH__INCLUDE_DIR", str(tmp_path))
    get_settings.cache_clear()

    def write(name, query, severity="fail", title="it holds"):
        (folder / f"{name}.sql").write_text(f"-- audit: {title}\n-- severity: {severity}\n{query};\n")

    return write


def audit(**arguments):
    task = in_dag(WarehouseAuditOperator, **{"backoff_seconds": 0.05, **arguments})
    return execute(task, context_of(task))


def test_passing_audits_let_publishing_go_on_for_what_was_merged(state, audits):
    audits("good", "select 1 as n where '{{ load.start_date }}' = 'never'")
    audits("odd", "select 1 as n", severity="warn")

    found = audit()

    assert found == {"audits": 2, "warnings": ["odd"], "merge_seq": 5}
    assert state.query("select audited_seq from quality.audit_state") == [(5,)]
    assert state.query("select audit, severity, violations, sample from quality.audit_results order by 1") == [
        ("good", "fail", 0, None),
        ("odd", "warn", 1, '[{"n": 1}]'),
    ]


def test_outcomes_are_written_by_one_statement_and_the_lock_comes_first(state, audits, statements):
    for number in range(4):
        audits(f"good_{number}", "select 1 where false")

    audit()

    words = [without_comments(statement).split()[0] for statement in statements]
    assert words[-3:] == ["lock", "update", "insert"]
    assert words.count("insert") == 1
    assert state.query("select count(*) from quality.audit_results") == [(4,)]


def test_a_session_is_in_utc_whatever_its_user_has_set(redshift):
    """GETDATE() answers in the session's zone."""
    [[zone]] = run("show timezone", handler=lambda cursor: [list(row) for row in cursor.fetchall()])
    assert zone == "UTC"


def test_a_failed_audit_stops_publishing_and_shows_rows(state, audits):
    audits(
        "bad",
        "select n as order_id, 'ü' as name from (select 1 as n union all select 2) as x order by n",
        title="orders are whole",
    )
    audits("good", "select 1 where false")

    with pytest.raises(AuditError) as failure:
        audit(sample_rows=1)

    assert "- bad: 2 rows break: orders are whole" in str(failure.value)
    assert "{'order_id': 1, 'name': 'a text of 1 character (a)'}" in str(failure.value)
    assert state.query("select audited_seq from quality.audit_state") == [(3,)]
    assert state.query("select violations, run_id from quality.audit_results where audit = 'bad'") == [
        (2, "manual__1")
    ]


def test_an_audit_broken_by_many_rows_is_counted_and_sampled(state, audits, endless):
    audits("many", "select a.n, 'x' as filler from t.digit as a, t.digit as b limit 100000", severity="warn")

    audit(sample_rows=3)

    ((violations, sample),) = state.query("select violations, sample from quality.audit_results")
    assert violations == 100_000
    assert len(json.loads(sample)) == 3


def test_a_sample_is_the_first_rows_whatever_their_order(state, audits):
    numbers = " union all ".join(f"select {n} as n" for n in (7, 3, 9, 1, 5))
    audits("odd", numbers, severity="warn")

    audit(sample_rows=2)

    assert state.query("select violations, sample from quality.audit_results") == [(5, '[{"n": 1}, {"n": 3}]')]


def test_a_wide_sample_fits_its_column(state, audits):
    audits("wide", "select repeat('ü', 6000) as text", severity="warn")

    audit()

    ((sample,),) = state.query("select sample from quality.audit_results")
    assert len(sample.encode()) <= 4000


def test_a_later_audit_does_not_lower_what_an_earlier_one_covered(state, audits):
    audits("good", "select 1 where false")
    state.run("update quality.audit_state set audited_seq = 9")

    audit()

    assert state.query("select audited_seq from quality.audit_state") == [(9,)]


def test_an_audit_that_cannot_run_is_named(state, audits):
    audits("broken", "select 1 from t.nowhere")

    with pytest.raises(StatementError, match=r"statement 1 \(audit broken\) failed: .*nowhere"):
        audit()


def test_without_audits_nothing_may_be_published(state, audits):
    with pytest.raises(AuditError, match="there are no audits"):
        audit()


def planned(params=None):
    task = in_dag(PlanOperator, backoff_seconds=0.05)
    return execute(task, context_of(task, params=params or {}))


def bootstrap(params=None, plan=None, try_number=1):
    """What the two tasks of the DAG do."""
    plan = plan or planned(params)
    task = in_dag(ApplyOperator, planned=plan, backoff_seconds=0.05)
    context = context_of(task, params=params or {})
    context["ti"].try_number = try_number
    return execute(task, context)


@pytest.fixture
def empty(local_redshift, monkeypatch):
    """A Redshift without a warehouse."""
    monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", json.dumps(local_redshift.connection))
    for schema in SCHEMAS:
        local_redshift.run(f"drop schema if exists {schema} cascade")
    for role in ("dwh_etl", "dwh_analyst", "dwh_pii_reader"):
        try:
            local_redshift.run(f"drop role {role}")
        except Exception as error:
            assert "does not exist" in str(error), error
    return local_redshift


def test_the_products_own_ddl_applies_twice_and_the_calendar_loads_in_seconds(empty):
    """In this order: everything that the bootstrap DAG does."""
    first = bootstrap()
    assert len(first["applied"]) >= 50
    assert bootstrap() == {"applied": [], "left": []}

    began = time.monotonic()
    task = in_dag(CalendarOperator)
    for _ in range(2):  # safe to repeat
        assert execute(task, context_of(task)) == {"rows": 9861}
    assert time.monotonic() - began < 30
    assert (
        empty.query(
            "select count(*), min(full_date), max(full_date), sum(case when is_holiday then 1 else 0 end) > 400 "
            "from dimensions.dim_date"
        )[0][0]
        == 9861
    )
    assert empty.query(
        "select day_name, fiscal_year, is_weekend, holiday_name from dimensions.dim_date where date_key = 20260815"
    ) == [("Saturday", 2027, True, "Independence Day")]


@pytest.fixture
def own_sql(empty, tmp_path, monkeypatch):
    """The warehouse made from a copy of include/sql, which the test may edit."""
    shutil.copytree(get_settings().sql_dir, tmp_path / "sql")
    (tmp_path / "generated").symlink_to(get_settings().include_dir / "generated")
    monkeypatch.setenv("AIRFLOW__ECOMMERCE_DWH__INCLUDE_DIR", str(tmp_path))
    get_settings.cache_clear()
    sql_files.environment.cache_clear()
    bootstrap()
    return tmp_path / "sql"


def add_channel(sql_dir):
    folder = sql_dir / "facts" / "fact_sales"
    for name, before, after in (
        ("table.sql", "    currency varchar(16),\n", "    currency varchar(16),\n    channel varchar(9),\n"),
        ("columns.yaml", "  currency: {source: orders}\n", "  currency: {source: orders}\n  channel: where\n"),
    ):
        text = (folder / name).read_text()
        assert text.count(before) == 1
        (folder / name).write_text(text.replace(before, after))


def test_a_dry_run_shows_the_plan_and_changes_nothing(own_sql, empty, capsys):
    add_channel(own_sql)
    shown = planned({"dry_run": True})
    assert shown["changes"][0] == (
        "facts.fact_sales: add column channel varchar(9); null in the rows that are there"
    )
    assert "alter table facts.fact_sales add column channel VARCHAR(9);" in capsys.readouterr().out
    with pytest.raises(AirflowSkipException, match="a dry run changes nothing"):
        bootstrap({"dry_run": True}, plan=shown)
    columns = "select count(*) from svv_columns where table_name = 'fact_sales' and column_name = 'channel'"
    assert empty.query(columns) == [(0,)]

    with pytest.raises(AirflowFailException, match=f"the plan is {shown['plan']} now, not 0123456789ab"):
        planned({"plan": "0123456789ab"})
    assert planned({"plan": shown["plan"]}) == shown
    assert bootstrap({"plan": shown["plan"]})["applied"] == shown["changes"]
    assert empty.query(columns) == [(1,)]


def test_only_the_plan_that_was_shown_is_applied_and_a_second_try_applies_the_rest(own_sql, empty):
    add_channel(own_sql)
    shown = planned()
    empty.run("alter table facts.fact_sales add column campaign varchar(20)")
    with pytest.raises(AirflowFailException, match="declarations or catalogue changed since the plan"):
        bootstrap(plan=shown)

    empty.run("alter table facts.fact_sales add column channel varchar(9)")  # as if the first try had done it
    found = bootstrap(plan=shown, try_number=2)
    assert found["applied"] == ["facts.fact_sales: comment channel: where"]


def test_a_refused_plan_fails_the_task_with_what_to_do(own_sql, empty):
    empty.run("comment on column facts.fact_sales.is_return is 'by hand'")
    path = own_sql / "facts" / "fact_sales" / "columns.yaml"
    path.write_text(path.read_text().replace("is_return: quantity below 0", "is_return: money back"))
    with pytest.raises(AirflowFailException, match=r"name facts\.fact_sales in `overwrite`"):
        planned()
    assert bootstrap({"overwrite": ["facts.fact_sales"]})["applied"]


def test_a_declaration_that_is_not_understood_fails_the_task(own_sql):
    path = own_sql / "facts" / "fact_sales" / "table.sql"
    path.write_text(path.read_text().replace("create table if not exists facts.fact_sales", "create table x"))
    with pytest.raises(AirflowException, match=r"facts/fact_sales/table\.sql creates \.x"):
        planned()


def test_rows_of_an_earlier_version_are_named_and_accepted_with_a_reason(own_sql, empty):
    empty.run(
        "insert into quality.built_by (table_name, file_name, fingerprint, noted_at) "
        "values ('facts.fact_inventory', 'facts/fact_inventory/merge.sql', 'older', getdate())"
    )
    (said,) = planned()["out_of_date"]
    assert said.startswith("facts.fact_inventory holds rows of an earlier version of its SQL")
    reason = "only what comes counts otherwise"
    found = bootstrap({"accept": {"facts.fact_inventory": reason, "facts.fact_sales": "not out of date"}})
    assert found["applied"] == [f"facts.fact_inventory: rows of an earlier version accepted: {reason}"]
    assert planned()["out_of_date"] == []
    assert empty.query("select reason from quality.built_by") == [(reason,)]
