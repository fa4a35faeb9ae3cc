"""The steps of an erasure around the Glue job: the request and its end, the plan, the warehouse, the proof."""

from __future__ import annotations

import json

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from contexts import context_of, execute, in_dag

from ecommerce_dwh.operators.bootstrap import MigrationOperator
from ecommerce_dwh.operators.erase import (
    EraseWarehouseOperator,
    ErasurePlanOperator,
    ErasureSurveyOperator,
    ErasureVerifyOperator,
)

PROCESSED = "ecommerce-dwh-dev-processed"
PARAMS = {
    "customer_id": " C1 ", "reason": "Request 2026-17 of the data protection desk",
    "requested_by": "dpo@company.com", "dry_run": False,
}  # fmt: skip
SEARCH = {
    "found": [
        {"bucket": "raw", "key": "orders/dt=2026-03-01/a.csv", "version": "", "rows": 2},
        {"bucket": "processed", "key": "accepted/orders/x.parquet", "version": "", "rows": 0},
    ],
    "days": ["2026-03-01", "2026-03-02", "2026-03-05"],
    "rows": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def tables(local_redshift):
    """The product's own tables, made once."""
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", json.dumps(local_redshift.connection))
        local_redshift.run("drop schema if exists quality cascade")
        for schema in ("staging", "history", "dimensions", "facts", "analytics"):
            local_redshift.run(f"drop schema if exists {schema} cascade")
        for role in ("dwh_etl", "dwh_analyst", "dwh_pii_reader"):
            if local_redshift.query(f"select 1 from pg_roles where rolname = '{role}'"):
                local_redshift.run(f"drop role {role}")
        task = in_dag(MigrationOperator)
        execute(task, context_of(task))
    return local_redshift


@pytest.fixture
def warehouse(tables, redshift):
    for table in ("history.customers", "history.orders", "history.pending_key", "quality.erasures"):
        redshift.run(f"delete from {table}")
    for key, name, phone in (("C1", "Zubeida", "+91 98765"), ("C2", "Ravi", "+91 98765")):
        redshift.run(
            "insert into history.customers (delivery_date, customer_id, first_name, phone, gender, version_at, "
            f"row_hash, source_file, source_line, run_id) values ('2026-03-01', '{key}', '{name}', '{phone}', "
            f"'female', '2026-03-01 00:00:00', md5('{key}'), 'f', 2, 'r')"
        )
    return redshift


def stored(aws, name="request.json", run="manual__1"):
    s3 = aws.client("s3")
    try:
        return json.loads(s3.get_object(Bucket=PROCESSED, Key=f"erasures/{run}/{name}")["Body"].read())
    except s3.exceptions.NoSuchKey:
        return None


def put(aws, name, content):
    aws.client("s3").put_object(
        Bucket=PROCESSED, Key=f"erasures/manual__1/{name}", Body=json.dumps(content).encode()
    )


def run(operator, *, running=0, run_id="manual__1", **params):
    task = in_dag(operator)
    context = context_of(task, params={**PARAMS, **params}, run_id=run_id)
    context["ti"].get_dr_count = lambda **_: running
    return execute(task, context)


def test_the_survey_writes_down_whom_it_is_about_and_logs_nothing_of_it(warehouse, aws, caplog, capsys):
    assert run(ErasureSurveyOperator) == {"values": 2}

    request = stored(aws)
    assert request["customer_id"] == "C1"
    assert request["pseudonym"].startswith("erased-")
    assert (request["values"], request["shared"]) == (["+91 98765", "Zubeida"], ["+91 98765"])
    said = caplog.text + "".join(capsys.readouterr())
    assert not [value for value in ("Zubeida", "98765", "C1") if value in said]


def test_an_erasure_that_broke_is_taken_up_with_its_pseudonym(warehouse, aws):
    run(ErasureSurveyOperator)
    broken = stored(aws)

    run(ErasureSurveyOperator, run_id="manual__2")
    run(ErasureSurveyOperator, run_id="manual__3", customer_id="C2")

    assert stored(aws, run="manual__2")["pseudonym"] == broken["pseudonym"]
    assert stored(aws, run="manual__3")["pseudonym"] != broken["pseudonym"]


def test_a_reason_that_names_the_person_is_refused(warehouse, aws):
    with pytest.raises(AirflowFailException, match="names the person"):
        run(ErasureSurveyOperator, reason="C1 has asked for it by mail")


def test_a_dry_run_shows_the_traces_and_forgets_the_person(warehouse, aws, capsys):
    run(ErasureSurveyOperator)
    put(aws, "search.json", SEARCH)

    with pytest.raises(AirflowSkipException, match="Dry run"):
        run(ErasurePlanOperator, dry_run=True)

    assert stored(aws) is None
    said = "".join(capsys.readouterr())
    assert "2 rows on 3 days" in said
    assert "history.customers" in said
    assert warehouse.query("select count(*) from history.customers where customer_id = 'C1'") == [(1,)]


def test_nothing_is_planned_beside_a_daily_run(warehouse, aws):
    run(ErasureSurveyOperator)
    put(aws, "search.json", SEARCH)

    with pytest.raises(AirflowException, match="ecommerce_dwh_daily is running"):
        run(ErasurePlanOperator, running=1)

    assert stored(aws) is not None


def test_a_customer_whom_nobody_knows_is_told(warehouse, aws):
    run(ErasureSurveyOperator, customer_id="nobody")
    put(aws, "search.json", {"found": [], "days": [], "rows": 0})

    with pytest.raises(AirflowSkipException, match="no trace of this customer"):
        run(ErasurePlanOperator)

    assert stored(aws) is None


def test_the_warehouse_is_cleared_and_the_days_are_loaded_again(warehouse, aws, capsys):
    run(ErasureSurveyOperator)
    put(aws, "search.json", SEARCH)
    assert run(ErasurePlanOperator) == {"raw_files": 1, "raw_rows": 2, "days": 3}
    pseudonym = stored(aws)["pseudonym"]
    # What was rewritten before a job died is not found by the next one; the days are known from the plan.
    put(aws, "erase.json", {"found": [], "days": ["2026-03-09"], "rows": 0})

    confs = run(EraseWarehouseOperator)

    spans = [(conf["start_date"], conf["end_date"]) for conf in confs]
    assert spans == [("2026-03-01", "2026-03-02"), ("2026-03-05", "2026-03-05"), ("2026-03-09", "2026-03-09")]
    assert all(len(conf["gate_override_reason"]) > 20 for conf in confs)
    assert warehouse.query("select customer_id, first_name, phone from history.customers order by 1") == [
        ("C2", "Ravi", "+91 98765"), (pseudonym, None, None)
    ]  # fmt: skip
    assert warehouse.query("select key_value from history.pending_key where entity = 'customer' order by 1") == [
        ("C1",), (pseudonym,)
    ]  # fmt: skip
    assert "Zubeida" not in "".join(capsys.readouterr())
    # Again, as a retry does: nothing more happens.
    assert run(EraseWarehouseOperator) == confs


def test_the_proof_fails_while_anything_is_left_and_ends_with_a_record(warehouse, aws):
    run(ErasureSurveyOperator)
    put(aws, "search.json", SEARCH)
    run(ErasurePlanOperator)
    pseudonym = stored(aws)["pseudonym"]
    put(aws, "verify.json", {"found": [{"bucket": "raw", "key": "orders/dt=2026-03-07/b.csv"}], "days": []})

    with pytest.raises(
        AirflowException, match=r"raw: orders/dt=2026-03-07/b\.csv\n  history\.customers: 1 rows"
    ):
        run(ErasureVerifyOperator)
    assert stored(aws) is not None

    run(EraseWarehouseOperator)
    put(aws, "verify.json", {"found": [], "days": []})
    run(ErasureVerifyOperator)

    assert stored(aws) is None
    assert warehouse.query(
        "select erasure_id, pseudonym, requested_by, raw_files, raw_rows, processed_objects, days "
        "from quality.erasures"
    ) == [("manual__1", pseudonym, "dpo@company.com", 1, 2, 1, 3)]
    with pytest.raises(AirflowFailException, match="no request any more"):
        run(ErasureVerifyOperator)
