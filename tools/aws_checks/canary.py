"""One product through S3, Glue and Redshift, and away again.

The real job, role, network and COPY are used. The day is 1970-01-01, which no shop delivers, and the run key begins
with ``verify-``: nothing that a pipeline run reads or writes is touched, and everything is deleted at the end.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ecommerce_dwh.settings import Settings
from tools.aws_checks.aws import MISSING, Aws, code_of
from tools.aws_checks.report import Line, fail, ok, warn
from tools.aws_checks.warehouse import Statements

_DAY = "1970-01-01"
_ROW = (
    "product_id,product_name,category_name,subcategory_name,brand,sku,price,cost,stock_quantity,is_active,updated_at\n"
    f"VERIFY-1,Verify,Verify,Verify,Verify,VERIFY-1,2.00,1.00,1,true,{_DAY} 01:00:00\n"
)
_ENDED = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED")


class Canary:
    """One run.

    Args:
        aws: clients.
        settings: names of the environment.
        poll_seconds: pause between two looks at the job.
        minutes: how long the job may take; a cold start of Glue takes one to three.
    """

    def __init__(self, aws: Aws, settings: Settings, poll_seconds: float = 5, minutes: float = 15) -> None:
        self.aws = aws
        self.settings = settings
        self.poll_seconds = poll_seconds
        self.minutes = minutes
        self.run_key = f"verify-{secrets.token_hex(4)}"

    def lines(self) -> Iterator[Line]:
        """Each step that went well is a line; the first that did not is the last. Cleans up in any case."""
        try:
            yield from self._steps()
        finally:
            left = self._clean()
        if left:
            yield warn("tiny run: clean-up", f"left behind: {', '.join(left[:3])}", "aws s3 rm each of them")
        else:
            yield ok("tiny run: clean-up", "nothing is left")

    def _steps(self) -> Iterator[Line]:
        s3 = self.aws.client("s3")
        for source, (name, body) in self._files().items():
            s3.put_object(Bucket=self.settings.raw_bucket, Key=f"{source}/dt={_DAY}/{name}", Body=body)
        yield ok("tiny run: S3", f"wrote a day of one product to {self.settings.raw_bucket}")
        state, error = self._job()
        if state != "SUCCEEDED":
            yield fail(
                "tiny run: Glue",
                f"{self.settings.processing_job} ended as {state}: {error}",
                f"aws glue get-job-runs --job-name {self.settings.processing_job} --max-items 1; docs/runbooks.md",
            )
            return
        bucket, key = self.settings.processed_bucket, f"runs/{self.run_key}/copy/products.manifest"
        entries = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())["entries"]
        yield ok("tiny run: Glue", f"{self.settings.processing_job} wrote {len(entries)} file(s)")
        text = (Path(__file__).parent / "canary.sql").read_text().format(manifest=f"s3://{bucket}/{key}")
        statements = [part.strip() for part in re.sub(r"(?m)^--.*\n", "", text).split(";") if part.strip()]
        rows, error = Statements(self.aws, self.settings, self.poll_seconds).answer(*statements)
        if error or rows != [[1]]:
            yield fail(
                "tiny run: Redshift",
                error or f"COPY loaded {rows[0][0] if rows else 'no'} rows instead of 1",
                "a missing table: run ecommerce_dwh_bootstrap; a refused COPY: default role, S3 endpoint",
            )
            return
        yield ok("tiny run: Redshift", "COPY loaded the product by the cluster's role")

    def _files(self) -> dict[str, tuple[str, bytes]]:
        files = dict.fromkeys(self.settings.sources, ("_EMPTY", b""))
        files["products"] = (f"{self.run_key}.csv", _ROW.encode())
        return files

    def _job(self) -> tuple[str, str]:
        """How the job ended, and why."""
        glue, job = self.aws.client("glue"), self.settings.processing_job
        arguments = {"--start_date": _DAY, "--end_date": _DAY, "--run_id": self.run_key}
        run = glue.start_job_run(JobName=job, Arguments=arguments)["JobRunId"]
        until = time.monotonic() + self.minutes * 60
        while True:
            found: dict[str, Any] = glue.get_job_run(JobName=job, RunId=run)["JobRun"]
            if found["JobRunState"] in _ENDED:
                return str(found["JobRunState"]), str(found.get("ErrorMessage", ""))
            if time.monotonic() > until:
                glue.batch_stop_job_run(JobName=job, JobRunIds=[run])
                return str(found["JobRunState"]), f"no end within {self.minutes:g} minutes; stopped"
            time.sleep(self.poll_seconds)

    def _clean(self) -> list[str]:
        """Delete what the run wrote; returns what could not be deleted."""
        raw, processed = self.settings.raw_bucket, self.settings.processed_bucket
        places = [(raw, f"{source}/dt={_DAY}/{name}") for source, (name, _) in self._files().items()]
        sources = self.settings.sources
        prefixes = [
            *(f"accepted/{source}/run={self.run_key}/" for source in sources),
            *(f"quarantine/source={source}/run={self.run_key}/" for source in sources),
            f"ledger/run={self.run_key}/",
            f"check_results/run={self.run_key}/",
            f"runs/{self.run_key}/",
        ]
        s3, left = self.aws.client("s3"), []
        for prefix in prefixes:
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=processed, Prefix=prefix)
            try:
                places += [(processed, item["Key"]) for page in pages for item in page.get("Contents", ())]
            except ClientError:
                left.append(f"s3://{processed}/{prefix}")
        for bucket, key in places:
            try:
                s3.delete_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if code_of(error) not in MISSING:
                    left.append(f"s3://{bucket}/{key}")
        return left
