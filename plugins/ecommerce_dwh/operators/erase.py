"""Operators that take one person out of lake and warehouse, and prove it.

Whom they are about lies in one object of the processed bucket (``erasures/<run key>/request.json``) while the erasure
lasts, so that neither logs nor XCom nor arguments of Glue runs hold anything of the person.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from ecommerce_dwh.operators.glue import job_arguments
from ecommerce_dwh.operators.redshift import WarehouseOperator
from ecommerce_dwh.redshift import Cursor
from ecommerce_dwh.replay import ranges
from ecommerce_dwh.sensors.quality import OVERRIDE_PARAM
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.sql_text import split_statements
from ecommerce_dwh.window import run_key

if TYPE_CHECKING:
    from airflow.sdk import Context

FOLDER = "erasures/"
DAILY = "ecommerce_dwh_daily"
Request = dict[str, Any]


def erasure_params() -> dict[str, Param]:
    """The Params of an erasure."""
    return {
        "customer_id": Param(
            type="string",
            minLength=1,
            maxLength=64,
            title="Customer",
            description="Natural key (customer_id) of the person, as the shop writes it.",
        ),
        "reason": Param(
            type="string",
            minLength=10,
            maxLength=500,
            title="Reason",
            description="Why, and under which request; kept for the record, so nothing of the person belongs here.",
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
    }


def erasure_arguments(mode: str) -> dict[str, str]:
    """Arguments of the Glue job: ``search``, ``erase`` or ``verify``."""
    latest = {"--start_date": "latest", "--end_date": "latest"}
    return {**job_arguments(erasure_mode=mode), **latest}


class _ErasureOperator(WarehouseOperator):
    """The request in S3, and the person as temporary tables in the warehouse."""

    ui_color = "#f3e5f5"

    def __init__(self, *, aws_conn_id: str | None = "aws_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id

    @property
    def s3(self) -> Any:
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook  # noqa: PLC0415 - heavy; not at DAG parsing

        return S3Hook(aws_conn_id=self.aws_conn_id).get_conn()

    @property
    def bucket(self) -> str:
        return get_settings().processed_bucket

    @staticmethod
    def folder(context: Context) -> str:
        """Where this erasure keeps its request and its results."""
        return f"{FOLDER}{run_key(context['dag_run'].run_id)}/"

    def read(self, key: str) -> dict[str, Any] | None:
        """A JSON object of the processed bucket; None where there is none."""
        client = self.s3
        try:
            return dict(json.loads(client.get_object(Bucket=self.bucket, Key=key)["Body"].read()))
        except client.exceptions.NoSuchKey:
            return None

    def request(self, context: Context) -> Request:
        """The request of this erasure.

        Raises:
            AirflowFailException: there is none (any more).
        """
        found = self.read(self.folder(context) + "request.json")
        if found is None:
            raise AirflowFailException("this erasure has no request any more; trigger the DAG again")
        return found

    def write_request(self, context: Context, request: Request) -> None:
        body = json.dumps(request, ensure_ascii=False).encode()
        self.s3.put_object(Bucket=self.bucket, Key=self.folder(context) + "request.json", Body=body)

    def forget(self, *keys: str) -> None:
        """Delete objects for good, older versions included."""
        client = self.s3
        for key in keys:
            client.delete_object(Bucket=self.bucket, Key=key)
            pages = client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=key)
            for page in pages:
                for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                    client.delete_object(Bucket=self.bucket, Key=item["Key"], VersionId=item["VersionId"])

    def name(self, cursor: Cursor, request: Request, *, values: bool = False) -> None:
        """Make ``erased_person`` (and ``erased_value``) for the session, without a word in the log."""
        cursor.run(self.control_sql("erased_person"), title="erased_person")
        cursor.run(
            self.control_sql("erased_person_insert"),
            (request["customer_id"], request["pseudonym"]),
            title="erased_person",
        )
        if values:
            cursor.run(self.control_sql("erased_value"), title="erased_value")
            shared = set(request["shared"])
            for value in [request["customer_id"], *(v for v in request["values"] if v not in shared)]:
                if len(value) >= 6 or value == request["customer_id"]:
                    cursor.run(self.control_sql("erased_value_insert"), (value,), title="erased_value")

    def traces(self, context: Context, request: Request) -> dict[str, int]:
        """Rows by table that carry the person's key."""

        def look(cursor: Cursor) -> dict[str, int]:
            self.name(cursor, request)
            return {str(t): int(n) for t, n in cursor.query(self.control_sql("erasure_traces"), title="traces")}

        return self.warehouse(context).transaction(look)


class ErasureSurveyOperator(_ErasureOperator):
    """Write the request: the person's key, a pseudonym drawn by lot, and what the warehouse knows of them.

    An erasure of the same person that did not come to its end is taken up again, with its pseudonym.
    """

    def execute(self, context: Context) -> dict[str, int]:
        params = context["params"]
        customer_id = str(params["customer_id"]).strip()
        if customer_id in str(params["reason"]):
            raise AirflowFailException(
                "the reason names the person; it is kept for the record, so say it otherwise"
            )
        request = self._unfinished(customer_id) or {
            "customer_id": customer_id,
            "pseudonym": f"erased-{secrets.token_hex(8)}",
            "values": [],
            "shared": [],
            "days": [],
        }

        def known(cursor: Cursor) -> list[tuple[Any, ...]]:
            self.name(cursor, request)
            return cursor.query(self.control_sql("erasure_values"), title="known values")

        rows = self.warehouse(context).transaction(known)
        values = {str(value): bool(shared) for value, shared in rows if value}
        request["values"] = sorted({*request["values"], *values})
        request["shared"] = sorted({*request["shared"], *(value for value, shared in values.items() if shared)})
        self.write_request(context, request)
        self.log.info("%d personal values are known of the person", len(request["values"]))
        return {"values": len(request["values"])}

    def _unfinished(self, customer_id: str) -> Request | None:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=FOLDER)
        for page in pages:
            for entry in page.get("Contents", ()):
                if entry["Key"].endswith("/request.json"):
                    found = self.read(entry["Key"])
                    if found and found["customer_id"] == customer_id:
                        return found
        return None


class ErasurePlanOperator(_ErasureOperator):
    """Say what the search found; in a dry run that is all, and the tasks behind it are skipped."""

    def execute(self, context: Context) -> dict[str, Any]:
        request, found = self.request(context), self.read(self.folder(context) + "search.json") or {}
        tables = self.traces(context, request)
        raw = [item for item in found.get("found", []) if item["bucket"] == "raw"]
        lines = [
            f"  raw files      {len(raw):>8,}  ({found.get('rows', 0):,} rows on {len(found.get('days', [])):,} days)",
            f"  processed      {len(found.get('found', [])) - len(raw):>8,}  objects",
            *(f"  {table:<30} {rows:>8,} rows" for table, rows in tables.items()),
        ]
        self.log.info("Traces of the person:\n%s", "\n".join(lines))
        if not found.get("found") and not tables and not request["days"]:
            self.forget(self.folder(context) + "request.json")
            raise AirflowSkipException(
                "there is no trace of this customer; is the key written as the shop writes it?"
            )
        if context["params"].get("dry_run", True):
            self.forget(self.folder(context) + "request.json")
            raise AirflowSkipException("Dry run: nothing was changed. Trigger again with dry_run off to erase.")
        running = context["ti"].get_dr_count(dag_id=DAILY, states=["running"])  # type: ignore[attr-defined]
        if running:
            raise AirflowException(
                f"{DAILY} is running; files must not change under it. This task tries again."
            )
        # Kept from now on: what is rewritten first is not found again when the rest has to be repeated.
        request["days"] = sorted({*request["days"], *found.get("days", [])})
        self.write_request(context, request)
        return {"raw_files": len(raw), "raw_rows": found.get("rows", 0), "days": len(request["days"])}


class EraseWarehouseOperator(_ErasureOperator):
    """Take the person out of the warehouse, and say which days must be loaded again.

    Returns the configurations of the daily DAG's runs: the days whose files were rewritten, or the published day
    where only the warehouse knew the person, so that what depends on the change is recomputed.
    """

    def execute(self, context: Context) -> list[dict[str, str]]:
        request = self.request(context)
        statements = split_statements(
            (get_settings().sql_dir / "erasure" / "erase_person.sql").read_text("utf-8")
        )

        def erase(cursor: Cursor) -> Any:
            self.name(cursor, request, values=True)
            for statement in statements:
                cursor.run(statement)
            state = cursor.query(self.control_sql("warehouse_state"))
            return state[0][0] if state else None

        published: date | None = self.warehouse(context).transaction(erase)
        erased = self.read(self.folder(context) + "erase.json") or {}
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
    """Prove that nothing is left, note the erasure in ``quality.erasures``, and forget the request."""

    def execute(self, context: Context) -> dict[str, Any]:
        request, folder = self.request(context), self.folder(context)
        left = self.read(folder + "verify.json")
        tables = self.traces(context, request)
        if left is None or left["found"] or tables:
            raise AirflowException(self._remains(left, tables))
        found = self.read(folder + "search.json") or {}
        raw = [item for item in found.get("found", []) if item["bucket"] == "raw"]
        erasure_id, params = run_key(context["dag_run"].run_id), context["params"]
        record = {
            "raw_files": len(raw),
            "raw_rows": int(found.get("rows", 0)),
            "processed_objects": len(found.get("found", [])) - len(raw),
            "days": len(request["days"]),
        }

        def note(cursor: Cursor) -> None:
            cursor.run(self.control_sql("erasure_delete"), (erasure_id,), title="record of the erasure")
            values = (
                erasure_id,
                request["pseudonym"],
                params["requested_by"],
                params["reason"],
                *record.values(),
            )
            cursor.run(self.control_sql("erasure_insert"), values, title="record of the erasure")

        self.warehouse(context).transaction(note)
        unfinished = [
            key for key in self._requests() if (self.read(key) or {}).get("pseudonym") == request["pseudonym"]
        ]
        self.forget(*unfinished)
        self.log.info("Nothing of the person is left in lake and warehouse; %s", record)
        return {"erasure_id": erasure_id, **record}

    def _requests(self) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=FOLDER)
        keys = [str(entry["Key"]) for page in pages for entry in page.get("Contents", ())]
        return [key for key in keys if key.endswith("/request.json")]

    @staticmethod
    def _remains(left: Mapping[str, Any] | None, tables: Mapping[str, int]) -> str:
        lines = [f"  {item['bucket']}: {item['key']}" for item in (left or {}).get("found", [])[:20]]
        lines += [f"  {table}: {rows:,} rows" for table, rows in tables.items()]
        return (
            "the person is not gone yet (a load may have run beside the erasure):\n" + "\n".join(lines) + "\n"
            "Clear 'search_files' with everything downstream: what is left is erased, what is gone stays gone."
        )
