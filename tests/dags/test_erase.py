"""The steps of an erasure around the Glue job: the request and its end, the plan, the warehouse, the proof."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from contexts import context_of, execute, in_dag

from ecommerce_dwh.changes.bootstrap_task import ApplyOperator, PlanOperator
from ecommerce_dwh.erasure.erase_task import (
    EraseWarehouseOperator,
    ErasurePlanOperator,
    ErasureSurveyOperator,
    ErasureVerifyOperator,
)
from ecommerce_dwh.erasure.requests_task import ForgetRequestOperator, OldRequestsOperator, forget_request
from ecommerce_dwh.warehouse.sql_text import without_comments

PROCESSED = "ecommerce-dwh-dev-processed"
PARAMS = {"request": "desk-17", "requested_by": "dpo@company.com", "dry_run": False, "answers": []}
REQUEST = {"customer_id": " C1 ", "reason": "Request 2026-17 of the data protection desk"}
OWN = "erasures/manual__1/request.json"
GIVEN = "erasures/requests/desk-17.json"
SEARCH = {
    "found": [
        {"bucket": "raw", "key": "orders/dt=2026-03-01/a.csv", "version": "", "rows": 2},
        {"bucket": "processed", "key": "accepted/orders/x.parquet", "version": "", "rows": 0},
    ],
    "questions": [],
    "days": ["2026-03-01", "2026-03-02", "2026-03-05"],
    "rows": 2,
}


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
        plan = in_dag(PlanOperator)
        task = in_dag(ApplyOperator, planned=execute(plan, context_of(plan)))
        execute(task, context_of(task))
    return local_redshift


@pytest.fixture
def warehouse(tables, redshift):
    for table in (
        "history.customers",
        "history.orders",
        "history.web_events",
        "history.pending_key",
        "quality.erasures",
    ):
        redshift.run(f"delete from {table}")
    for key, name, phone in (("C1", "Zubeida", "+91 98765"), ("C2", "Ravi", "+91 98765")):
        redshift.run(
            "insert into history.customers (delivery_date, customer_id, first_name, phone, gender, version_at, "
            f"row_hash, source_file, source_line, run_id) values ('2026-03-01', '{key}', '{name}', '{phone}', "
            f"'female', '2026-03-01 00:00:00', md5('{key}'), 'f', 2, 'r')"
        )
    return redshift


def stored(aws, key=OWN):
    s3 = aws.client("s3")
    try:
        return json.loads(s3.get_object(Bucket=PROCESSED, Key=key)["Body"].read())
    except s3.exceptions.NoSuchKey:
        return None


def put(aws, name, content):
    key = name if "/" in name else f"erasures/manual__1/{name}"
    aws.client("s3").put_object(Bucket=PROCESSED, Key=key, Body=json.dumps(content).encode())


def survey(aws, *, run_id="manual__1", given=None, **params):
    put(aws, GIVEN, {**REQUEST, **(given or {})})
    return run(ErasureSurveyOperator, run_id=run_id, **params)


def run(operator, *, running=0, run_id="manual__1", **params):
    task = in_dag(operator)
    context = context_of(task, params={**PARAMS, **params}, run_id=run_id)
    context["ti"].get_dr_count = lambda **_: running
    return execute(task, context)


def leftovers(aws):
    """Everything below erasures/ that says who it is about, older versions included."""
    answer = aws.client("s3").list_object_versions(Bucket=PROCESSED, Prefix="erasures/")
    keys = {item["Key"] for kind in ("Versions", "DeleteMarkers") for item in answer.get(kind, [])}
    return {key for key in keys if key.endswith("/request.json") or key.startswith("erasures/requests/")}


@pytest.fixture(autouse=True)
def clean(request):
    """Each test begins without anything of erasures."""
    if "aws" not in request.fixturenames:
        return
    s3 = request.getfixturevalue("aws").client("s3")
    answer = s3.list_object_versions(Bucket=PROCESSED, Prefix="erasures/")
    for item in (*answer.get("Versions", []), *answer.get("DeleteMarkers", [])):
        s3.delete_object(Bucket=PROCESSED, Key=item["Key"], VersionId=item["VersionId"])


def test_the_survey_takes_in_whom_it_is_about_and_logs_nothing_of_it(warehouse, aws, caplog, capsys):
    assert survey(aws) == {"values": 2}

    request = stored(aws)
    assert request["customer_id"] == "C1"
    assert request["pseudonym"].startswith("erased-")
    assert request["values"] == {"given_name": ["Zubeida"], "phone": ["+91 98765"]}
    assert request["shared"] == ["+91 98765"]
    assert leftovers(aws) == {OWN}, "the colleague's object is gone"
    said = caplog.text + "".join(capsys.readouterr())
    assert not [value for value in ("Zubeida", "98765", "C1") if value in said]


def test_a_retry_of_the_survey_finds_what_it_took_in(warehouse, aws):
    survey(aws)
    before = stored(aws)
    run(ErasureSurveyOperator)
    assert stored(aws) == before


def test_an_erasure_that_broke_is_taken_up_with_its_pseudonym(warehouse, aws):
    survey(aws)
    put(aws, "search.json", SEARCH)
    run(ErasurePlanOperator)
    broken = stored(aws)
    run(ForgetRequestOperator)
    (mark,) = [
        item["Key"]
        for item in aws.client("s3").list_objects_v2(Bucket=PROCESSED, Prefix="erasures/open/")["Contents"]
    ]
    assert leftovers(aws) == set()
    assert set(stored(aws, mark)) == {"salt", "digest", "pseudonym", "days"}

    survey(aws, run_id="manual__2")
    again = stored(aws, "erasures/manual__2/request.json")
    assert (again["pseudonym"], again["days"]) == (broken["pseudonym"], SEARCH["days"])
    survey(aws, run_id="manual__3", given={"customer_id": "C2"})
    assert stored(aws, "erasures/manual__3/request.json")["pseudonym"] != broken["pseudonym"]
    assert leftovers(aws) == {"erasures/manual__3/request.json"}, "a run deletes what runs before it left"


@pytest.mark.parametrize(
    "reason",
    [
        "C1 has asked for it by mail",
        "asked by c1, by mail",
        "for Zubeida, request 17",
        "for ｚｕｂｅｉｄａ, request 17",
        "customer number 1 wants to go",
        "customer 001 wants to go",
        "call +91-98765 before noon",
    ],
)
def test_a_reason_that_names_the_person_is_refused_before_anything_is_written(warehouse, aws, reason):
    with pytest.raises(AirflowFailException, match="names the person") as caught:
        survey(aws, given={"reason": reason})
    assert reason not in str(caught.value)
    assert stored(aws) is None
    run(ForgetRequestOperator)
    assert leftovers(aws) == set()


def test_a_key_among_the_parameters_is_refused(warehouse, aws):
    with pytest.raises(AirflowFailException, match="delete this run"):
        survey(aws, customer_id="C1")


@pytest.mark.parametrize(
    "body",
    [
        b"C1",
        b"[]",
        b'{"customer_id": 1, "reason": "Request of the desk"}',
        b'{"customer_id": "C1", "reason": "short"}',
        b'{"customer_id": "C1"}',
        b'{"customer_id": "", "reason": "Request of the desk"}',
        b"\xff",
        b'{"customer_id": "C1", "reason": "Request of the desk", "name": "Zubeida"}',
        json.dumps({"customer_id": "C1", "reason": "अ" * 342}).encode(),  # 1,026 bytes
        json.dumps({"customer_id": "अ" * 22, "reason": "Request of the desk"}).encode(),
    ],
)
def test_a_request_that_cannot_be_used_is_refused_without_being_quoted(warehouse, aws, body):
    aws.client("s3").put_object(Bucket=PROCESSED, Key=GIVEN, Body=body)
    with pytest.raises(AirflowFailException, match=r"docs/erasure\.md") as caught:
        run(ErasureSurveyOperator)
    assert not [word for word in ("C1", "short", "Zubeida") if word in str(caught.value)]


def test_without_a_request_the_run_says_where_it_belongs(warehouse, aws):
    with pytest.raises(AirflowFailException, match=r"erasures/requests/desk-17\.json"):
        run(ErasureSurveyOperator)


def test_a_dry_run_shows_the_traces_and_forgets_the_person(warehouse, aws, capsys):
    survey(aws)
    put(aws, "search.json", SEARCH)

    with pytest.raises(AirflowSkipException, match="Dry run"):
        run(ErasurePlanOperator, dry_run=True)
    run(ForgetRequestOperator)

    assert leftovers(aws) == set()
    said = "".join(capsys.readouterr())
    assert "2 rows on 3 days" in said
    assert "history.customers" in said
    assert warehouse.query("select count(*) from history.customers where customer_id = 'C1'") == [(1,)]


QUESTION = {
    "id": "3f2a9c10d4",
    "kind": "unreadable",
    "bucket": "raw",
    "key": "orders/dt=2026-03-02/b.parquet",
    "version": "",
    "rows": 0,
    "lines": [],
    "reason": "it is damaged",
    "answer": "",
}


def test_a_question_stops_the_run_until_somebody_answers(warehouse, aws, capsys):
    survey(aws)
    put(aws, "search.json", {**SEARCH, "questions": [QUESTION]})
    with pytest.raises(AirflowSkipException, match="Dry run"):
        run(ErasurePlanOperator, dry_run=True)
    assert "3f2a9c10d4 unreadable raw/orders/dt=2026-03-02/b.parquet: it is damaged" in "".join(
        capsys.readouterr()
    )
    with pytest.raises(AirflowFailException, match="3f2a9c10d4 unreadable"):
        run(ErasurePlanOperator)

    survey(aws, run_id="manual__2", answers=["3f2a9c10d4 keep", "other_row erase"])
    request = stored(aws, "erasures/manual__2/request.json")
    assert request["answers"] == {"3f2a9c10d4": "keep", "other_row": "erase"}
    put(aws, "erasures/manual__2/search.json", {**SEARCH, "questions": [{**QUESTION, "answer": "keep"}]})
    assert run(ErasurePlanOperator, run_id="manual__2")["raw_files"] == 1


def test_values_that_only_the_search_learned_are_held_against_the_reason(warehouse, aws):
    survey(aws, given={"reason": "Request of Quaint, by letter"})
    put(aws, "search.json", SEARCH)
    put(aws, "request.json", {**stored(aws), "values": {"family_name": ["Quaint"]}})
    with pytest.raises(AirflowFailException, match="names the person"):
        run(ErasurePlanOperator)


def test_nothing_is_planned_beside_a_daily_run(warehouse, aws):
    survey(aws)
    put(aws, "search.json", SEARCH)

    with pytest.raises(AirflowException, match="ecommerce_dwh_daily is running"):
        run(ErasurePlanOperator, running=1)

    assert stored(aws) is not None


def test_a_customer_whom_nobody_knows_is_told(warehouse, aws):
    survey(aws, given={"customer_id": "nobody"})
    put(aws, "search.json", {"found": [], "questions": [], "days": [], "rows": 0})

    with pytest.raises(AirflowSkipException, match="no trace of this customer"):
        run(ErasurePlanOperator)


def test_the_lock_comes_before_all_that_takes_the_snapshot(warehouse, aws, statements):
    survey(aws)
    put(aws, "search.json", SEARCH)
    run(ErasurePlanOperator)
    statements.clear()

    run(EraseWarehouseOperator)

    assert without_comments(statements[0]) == "lock table history.pending_key"


def test_the_warehouse_is_cleared_and_the_days_are_loaded_again(warehouse, aws, capsys):
    survey(aws)
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
        ("C2", "Ravi", "+91 98765"),
        (pseudonym, None, None),
    ]
    assert warehouse.query(
        "select key_value from history.pending_key where entity = 'customer' order by 1"
    ) == [("C1",), (pseudonym,)]
    assert "Zubeida" not in "".join(capsys.readouterr())
    # Again, as a retry does: nothing more happens.
    assert run(EraseWarehouseOperator) == confs


def test_free_text_of_the_persons_rows_is_found_and_cleared_without_a_file(warehouse, aws, capsys):
    """A page named after the person, of a file that is gone: the reload does not replace it."""
    page = "https://shop.example/hello/zubeida-khan"
    warehouse.run("update history.customers set last_name = 'Khan' where customer_id = 'C1'")
    for event, key in (("E1", "C1"), ("E2", "C2")):
        warehouse.run(
            "insert into history.web_events (delivery_date, event_id, customer_id, event_type, event_timestamp, "
            "page_url, referrer, version_at, row_hash, source_file, source_line, run_id, is_session_derived) "
            f"values ('2026-03-01', '{event}', '{key}', 'page_view', '2026-03-01 00:00:00', '{page}', "
            f"'https://shop.example/', '2026-03-01 00:00:00', md5('{event}'), 'f', 2, 'r', false)"
        )
    survey(aws)
    put(aws, "search.json", SEARCH)
    run(ErasurePlanOperator)
    said = "".join(capsys.readouterr())
    assert "free text of the person's rows        1 rows" in said
    assert "khan" not in said.lower()
    pseudonym = stored(aws)["pseudonym"]

    run(EraseWarehouseOperator)

    pages = "select event_id, customer_id, page_url, referrer from history.web_events order by 1"
    assert warehouse.query(pages) == [
        ("E1", pseudonym, "https://shop.example/hello/xxxxxxx-xxxx", "https://shop.example/"),
        ("E2", "C2", page, "https://shop.example/"),
    ]
    assert ("web_event", "E1") in warehouse.query("select entity, key_value from history.pending_key")
    # Also where only the pseudonym leads to the row: an erasure that broke after the keys were gone.
    warehouse.run(f"update history.web_events set page_url = '{page}' where event_id = 'E1'")
    put(aws, "verify.json", {"found": [], "days": [], "questions": []})
    warehouse.run("delete from history.pending_key")
    with pytest.raises(AirflowException, match="free text of the person's rows: 1 rows"):
        run(ErasureVerifyOperator)
    run(EraseWarehouseOperator)
    assert warehouse.query(pages)[0][2] == "https://shop.example/hello/xxxxxxx-xxxx"
    assert ("web_event", "E1") in warehouse.query("select entity, key_value from history.pending_key")


def test_the_proof_fails_while_anything_is_left_and_ends_with_a_record(warehouse, aws):
    survey(aws)
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
    put(aws, "verify.json", {"found": [], "days": [], "questions": [QUESTION]})
    warehouse.run("delete from history.pending_key")  # what the reload consumes
    with pytest.raises(AirflowException, match="3f2a9c10d4 unreadable"):
        run(ErasureVerifyOperator)
    put(aws, "verify.json", {"found": [], "days": [], "questions": [{**QUESTION, "answer": "keep"}]})
    assert run(ErasureVerifyOperator)["kept_by_decision"] == 1
    run(ForgetRequestOperator)

    assert "Contents" not in aws.client("s3").list_objects_v2(Bucket=PROCESSED, Prefix="erasures/open/")
    assert leftovers(aws) == set()
    assert warehouse.query(
        "select erasure_id, pseudonym, requested_by, raw_files, raw_rows, processed_objects, days "
        "from quality.erasures"
    ) == [("manual__1", pseudonym, "dpo@company.com", 1, 2, 1, 3)]
    with pytest.raises(AirflowFailException, match="no request any more"):
        run(ErasureVerifyOperator)


def test_a_run_that_fails_or_is_marked_failed_forgets_whom_it_was_about(warehouse, aws):
    survey(aws)
    put(aws, GIVEN, REQUEST)
    task = in_dag(ForgetRequestOperator)
    forget_request(context_of(task, params=PARAMS))
    assert leftovers(aws) == set()


@pytest.mark.parametrize(("days", "left"), [(1, 3), (3, 1), (31, 1), (91, 0)])
def test_what_nobody_cleaned_up_goes_by_its_age(aws, days, left, monkeypatch):
    for key in (GIVEN, "erasures/manual__9/request.json", "erasures/manual__9/search.json"):
        put(aws, key, {})
    monkeypatch.setattr("ecommerce_dwh.erasure.requests_task.datetime", _Later(days))

    assert run(OldRequestsOperator, running=1, dry_run=False)["objects"] == 0
    assert run(OldRequestsOperator, dry_run=True)["objects"] == 3 - left
    assert run(OldRequestsOperator, dry_run=False)["objects"] == 3 - left
    answer = aws.client("s3").list_objects_v2(Bucket=PROCESSED, Prefix="erasures/")
    assert answer["KeyCount"] == left


class _Later:
    def __init__(self, days):
        self.days = days

    def now(self, zone):
        return datetime.now(zone) + timedelta(days=self.days)
