"""Operators that erase one person from lake and warehouse, and prove it.

The person's data are in one object of the processed bucket while the erasure lasts (`ecommerce_dwh.erasure.requests`);
parameters, logs, XCom and arguments of Glue runs hold nothing of the person.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from ecommerce_dwh.care.replay import ranges
from ecommerce_dwh.erasure.person import CERTAIN, WORD_KEY, Person, crossed_out
from ecommerce_dwh.erasure.questions import SHOWN, open_questions, question_line
from ecommerce_dwh.erasure.requests import FOLDER, REQUEST, REQUESTS, RequestError, RequestStore, parse_request
from ecommerce_dwh.erasure.requests_task import request_store
from ecommerce_dwh.lake.glue import job_arguments
from ecommerce_dwh.quality.gate import OVERRIDE_PARAM
from ecommerce_dwh.warehouse import sql_files
from ecommerce_dwh.warehouse.client import Cursor
from ecommerce_dwh.warehouse.operators import WarehouseOperator
from ecommerce_dwh.warehouse.state import read_state
from ecommerce_dwh.window import run_key

if TYPE_CHECKING:
    from airflow.sdk import Context

DAILY = "ecommerce_dwh_daily"
Request = dict[str, Any]


def erasure_params() -> dict[str, Param]:
    """The Params of an erasure. None of them may hold anything of the person: Airflow keeps them with the run."""
    return {
        "request": Param(
            type="string",
            pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$",
            title="Request",
            description="Name of the request; s3://<processed>/erasures/requests/<name>.json says whom to erase "
            "and why.",
        ),
        "requested_by": Param(
            type="string",
            pattern=r"^[^@\s]+@[^@\s]+$",
            maxLength=320,
            title="Requested by",
            description="E-mail address of the colleague who answers for it.",
        ),
        "dry_run": Param(
            default=True,
            type="boolean",
            title="Dry run",
            description="Only show what would be erased. Switch off to erase; it cannot be undone.",
        ),
        "answers": Param(
            default=[],
            type="array",
            items={"type": "string", "pattern": r"^[0-9a-z_]+ (keep|erase|delete)$"},
            title="Answers",
            description="One line for each question of the dry run, as 3f2a9c10d4 keep; a kind answers all of it: "
            "unreadable keep.",
        ),
    }


def erasure_arguments(mode: str) -> dict[str, str]:
    """Arguments of the Glue job: ``search``, ``erase`` or ``verify``."""
    latest = {"--start_date": "latest", "--end_date": "latest"}
    return {**job_arguments(erasure_mode=mode), **latest}


def _sql(name: str) -> str:
    """The one statement of ``include/sql/erasure/<name>.sql``."""
    return sql_files.statement(f"erasure/{name}.sql")


class _ErasureOperator(WarehouseOperator):
    """The request in S3, and the person as temporary tables in the warehouse."""

    ui_color = "#f3e5f5"

    def __init__(self, *, aws_conn_id: str | None = "aws_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id

    @property
    def store(self) -> RequestStore:
        return request_store(self.aws_conn_id)

    @staticmethod
    def folder(context: Context) -> str:
        """Folder of this erasure's request and results."""
        return f"{FOLDER}{run_key(context['dag_run'].run_id)}/"

    def request(self, context: Context) -> Request:
        """The request of this erasure.

        Raises:
            AirflowFailException: there is none (any more).
        """
        found = self.store.read(self.folder(context) + REQUEST)
        if found is None:
            raise AirflowFailException(
                "this erasure has no request any more: requests are deleted when a run ends. Put the request again "
                "and trigger the DAG again; what was begun is taken up"
            )
        return found

    def name(self, cursor: Cursor, request: Request) -> None:
        """Make ``erased_person`` for the session, without a word in the log."""
        cursor.run(_sql("erased_person"), title="erased_person")
        cursor.run(
            _sql("erased_person_insert"),
            (request["customer_id"], request["pseudonym"]),
            title="erased_person",
        )

    def traces(self, context: Context, request: Request) -> dict[str, int]:
        """Number of rows with the person's key by table, and of texts that name the person."""
        person = Person.of(request)

        def count(cursor: Cursor) -> dict[str, int]:
            self.name(cursor, request)
            found = {str(t): int(n) for t, n in cursor.query(_sql("erasure_traces"), title="traces")}
            own = [is_own for *_, is_own in self.texts(cursor, person)]
            texts = {"free text of the person's rows": sum(own), "samples and messages": len(own) - sum(own)}
            return {**found, **{name: count for name, count in texts.items() if count}}

        return self.warehouse(context).transaction(count)

    def texts(self, cursor: Cursor, person: Person) -> list[tuple[str, str, int]]:
        """Texts that name the person: the text, its replacement, and 1 for free text of the person's own rows.

        In the person's own rows a full name alone is enough, as in raw files.
        """
        found = []
        for prose, is_own in cursor.query(_sql("erasure_texts"), title="samples and messages"):
            text, reading = str(prose), person.read(str(prose))
            names = reading.verdict if is_own else reading.verdict == CERTAIN
            is_key = is_own and text.strip() == person.customer_id
            if names or (not is_key and any(hit.kind == WORD_KEY for hit in reading.hits)):
                found.append((text, crossed_out(text, reading.hits), int(is_own)))
        return found


class ErasureSurveyOperator(_ErasureOperator):
    """Read the request: the person's key, a random pseudonym, and the values that the warehouse has of the person.

    An erasure of the same person that did not come to its end is taken up again, with its pseudonym.
    """

    def execute(self, context: Context) -> dict[str, int]:
        params, store, folder = context["params"], self.store, self.folder(context)
        if "customer_id" in {**params, **(context["dag_run"].conf or {})}:
            raise AirflowFailException(
                "the run's parameters hold a customer_id, which Airflow keeps: delete this run in the web UI, put the "
                "key into a request object, and name the request"
            )
        if forgotten := store.forget_others(run_key(context["dag_run"].run_id)):
            self.log.info("%d requests of runs that are over were deleted", forgotten)
        given = f"{REQUESTS}{params['request']}.json"
        request = store.read(folder + REQUEST) or self._taken_in(store, given)
        answers = dict(str(line).split(" ", 1) for line in params.get("answers") or [])

        def known(cursor: Cursor) -> list[tuple[Any, ...]]:
            self.name(cursor, request)
            return cursor.query(_sql("erasure_values"), title="known values")

        rows = [row for row in self.warehouse(context).transaction(known) if row[1]]
        person = Person.of(request).knowing(
            ((str(kind), str(value)) for kind, value, _ in rows),
            (str(value) for _, value, shared in rows if shared),
        )
        refuse_naming(person, request["reason"], params, context["dag_run"].run_id)
        request |= {**person.as_request(), "answers": answers}
        store.write(folder + REQUEST, request)
        store.forget(given)
        known_values = sum(map(len, person.values.values()))
        self.log.info("%d personal values are known of the person", known_values)
        return {"values": known_values}

    def _taken_in(self, store: RequestStore, given: str) -> Request:
        body = store.read_bytes(given)
        if body is None:
            raise AirflowFailException(
                f"there is no s3://{store.bucket}/{given}; put the request there (docs/erasure.md) and clear this task"
            )
        try:
            parsed = parse_request(body)
        except RequestError as error:
            raise AirflowFailException(
                f"s3://{store.bucket}/{given}: {error}; docs/erasure.md shows one"
            ) from None
        found = store.unfinished(parsed["customer_id"])
        mark = found[1] if found else {"pseudonym": f"erased-{secrets.token_hex(8)}", "days": []}
        return {
            **parsed,
            "pseudonym": mark["pseudonym"],
            "days": mark["days"],
            "values": {},
            "shared": [],
        }


def refuse_naming(person: Person, reason: str, params: Mapping[str, Any], run_id: str) -> None:
    """Refuse a reason, parameters or run id that name the person, because Airflow keeps them.

    Raises:
        AirflowFailException: one of them names the person; nothing was written.
    """
    if person.names(reason):
        raise AirflowFailException(
            "the reason names the person (the key, its number, or a personal value); it is kept for the record, so say "
            "it otherwise. The request was deleted: put it again"
        )
    kept = (str(params.get("request", "")), str(params.get("requested_by", "")), run_id)
    if any(person.read(text).verdict for text in kept):
        raise AirflowFailException(
            "the run's parameters or its id name the person, and Airflow keeps them: delete this run in the web UI"
        )


class ErasurePlanOperator(_ErasureOperator):
    """Log what the search found; in a dry run, skip the tasks that follow."""

    def execute(self, context: Context) -> dict[str, Any]:
        request, store = self.request(context), self.store
        found = store.read(self.folder(context) + "search.json") or {"found": [], "questions": [], "days": []}
        # The search may have found values that the warehouse does not hold.
        refuse_naming(Person.of(request), request["reason"], context["params"], context["dag_run"].run_id)
        tables = self.traces(context, request)
        raw = [item for item in found["found"] if item["bucket"] == "raw"]
        lines = [
            f"  raw files      {len(raw):>8,}  ({found.get('rows', 0):,} rows on {len(found['days']):,} days)",
            f"  processed      {len(found['found']) - len(raw):>8,}  objects",
            *(f"  {table:<30} {rows:>8,} rows" for table, rows in tables.items()),
        ]
        self.log.info("Traces of the person:\n%s", "\n".join(lines))
        questions = open_questions(found)
        if questions:
            self.log.info("Questions:\n%s", "\n".join(questions))
        if not found["found"] and not tables and not request["days"]:
            raise AirflowSkipException(
                "there is no trace of this customer; is the key written as the shop writes it?"
            )
        if context["params"].get("dry_run", True):
            raise AirflowSkipException("Dry run: nothing was changed. Trigger again with dry_run off to erase.")
        if questions:
            raise AirflowFailException(
                "nothing was changed, because some places need a person's decision. Put the request again and trigger "
                "with an answer to each:\n" + "\n".join(questions)
            )
        running = context["ti"].get_dr_count(dag_id=DAILY, states=["running"])  # type: ignore[attr-defined]
        if running:
            raise AirflowException(
                f"{DAILY} is running; files must not change under it. This task tries again."
            )
        # Kept from now on: what is rewritten first is not found again when the rest has to be repeated.
        request["days"] = sorted({*request["days"], *found["days"]})
        store.mark_unfinished(request["customer_id"], request["pseudonym"], request["days"])
        store.write(self.folder(context) + REQUEST, request)
        return {"raw_files": len(raw), "raw_rows": found.get("rows", 0), "days": len(request["days"])}


class EraseWarehouseOperator(_ErasureOperator):
    """Erase the person from the warehouse, and return the days to load again.

    Returns the configurations of the daily DAG's runs: the days whose files were rewritten, or the published day
    where only the warehouse knew the person, so that what depends on the change is recomputed.
    """

    def execute(self, context: Context) -> list[dict[str, str]]:
        request = self.request(context)
        person = Person.of(request)

        def erase(cursor: Cursor) -> date | None:
            lock, *statements = sql_files.statements("erasure/erase_person.sql")
            # Before the person is named: making a table takes the snapshot, and a lock after it comes too late.
            cursor.run(lock)
            self.name(cursor, request)
            for statement in statements:
                cursor.run(statement)
            if texts := self.texts(cursor, person):
                cursor.run(_sql("erased_text"), title="erased_text")
                cursor.insert(_sql("erased_text_insert"), texts, title="erased_text")
                for statement in sql_files.statements("erasure/erase_texts.sql"):
                    cursor.run(statement)
            return read_state(cursor.query).published_day

        published = self.warehouse(context).transaction(erase)
        erased = self.store.read(self.folder(context) + "erase.json") or {}
        days = {*request["days"], *erased.get("days", [])} or {
            str(published or datetime.now(UTC).date() - timedelta(days=1))
        }
        # The days were let through before; what the erasure takes away must not close the gate now.
        why = f"Reload after erasure {run_key(context['dag_run'].run_id)[:80]}: personal data removed, rows unchanged"
        confs = [{**span, OVERRIDE_PARAM: why} for span in ranges(days)]
        self.log.info(
            "To be loaded again: %s", ", ".join(f"{c['start_date']} … {c['end_date']}" for c in confs)
        )
        return confs


class ErasureVerifyOperator(_ErasureOperator):
    """Prove that nothing is left and no question is open, and note the erasure in ``quality.erasures``."""

    def execute(self, context: Context) -> dict[str, Any]:
        request, folder, store = self.request(context), self.folder(context), self.store
        left = store.read(folder + "verify.json")
        tables = self.traces(context, request)
        if left is None or left["found"] or tables or open_questions(left):
            raise AirflowException(self._remains(left, tables))
        found = store.read(folder + "search.json") or {}
        raw = [item for item in found.get("found", []) if item["bucket"] == "raw"]
        erasure_id, params = run_key(context["dag_run"].run_id), context["params"]
        record = {
            "raw_files": len(raw),
            "raw_rows": int(found.get("rows", 0)),
            "processed_objects": len(found.get("found", [])) - len(raw),
            "days": len(request["days"]),
        }

        def note(cursor: Cursor) -> None:
            cursor.run(_sql("erasure_delete"), (erasure_id,), title="record of the erasure")
            values = (
                erasure_id,
                request["pseudonym"],
                params["requested_by"],
                request["reason"],
                *record.values(),
            )
            cursor.run(_sql("erasure_insert"), values, title="record of the erasure")

        self.warehouse(context).transaction(note)
        store.forget_unfinished(request["customer_id"])
        kept = [q for q in left.get("questions", []) if q["answer"] == "keep"]
        self.log.info("Nothing of the person is left in lake and warehouse; %s", record)
        if kept:
            self.log.info("Kept by decision:\n%s", "\n".join(map(question_line, kept[:SHOWN])))
        return {"erasure_id": erasure_id, **record, "kept_by_decision": len(kept)}

    @staticmethod
    def _remains(left: Mapping[str, Any] | None, tables: Mapping[str, int]) -> str:
        lines = [f"  {item['bucket']}: {item['key']}" for item in (left or {}).get("found", [])[:20]]
        lines += [f"  {table}: {rows:,} rows" for table, rows in tables.items()]
        if questions := open_questions(left or {}):
            lines += ["Questions without an answer:", *questions]
        return (
            "the person is not gone yet (a load may have run beside the erasure):\n" + "\n".join(lines) + "\n"
            "Put the request again and trigger the DAG again, with an answer to each question: what is left is erased "
            "under the same pseudonym, what is gone stays gone."
        )
