"""Objects of the processed bucket: searched for the person, and rewritten or deleted.

Accepted Parquet is an outcome of raw files: an object with the person's rows is deleted, and the reload of the day
writes it again. Quarantined rows, check results and reports lose the texts that speak of the person, and nothing else.
"""

from __future__ import annotations

import gzip
import json
import re
import tempfile
from pathlib import Path
from typing import Any

from ecommerce_dwh_glue.erasure.documents import erase_json, erase_message, erase_raw_text, erase_report
from ecommerce_dwh_glue.erasure.found import UNREADABLE, Found
from ecommerce_dwh_glue.erasure.parquet import erase_texts, is_in_accepted
from ecommerce_dwh_glue.erasure.rows import OTHER_ROW, Table
from ecommerce_dwh_glue.erasure.work import DAMAGED, Work
from ecommerce_dwh_glue.quality.page import html_page

_SOURCE = re.compile(r"accepted/(?P<accepted>[^/]+)/|quarantine/source=(?P<quarantine>[^/]+)/")


def look_at_processed(work: Work, key: str, version: str = "") -> Found:
    """Look at a processed object; when erasing, delete or rewrite it."""
    found = Found("processed", key, version)
    with tempfile.TemporaryDirectory() as folder:
        new = f"{folder}/new"
        try:
            if key.endswith(".parquet"):
                work.fetch("processed", key, version, f"{folder}/old")
                _parquet(work, found, f"{folder}/old", new if work.erases and not version else None)
            else:
                _document(work, found, new)
        except DAMAGED as error:
            work.ask(found, UNREADABLE, reason=f"it is damaged ({type(error).__name__})")
        work.ask_about_rows(found)
        deletes = any(question.answer == "delete" for question in found.questions)
        found.rows = max(found.rows, found.tally.rows, int(deletes))
        if work.erases and found.rows:
            _replace(work, found, new, deletes=deletes or key.startswith("accepted/"))
    return found


def _parquet(work: Work, found: Found, old: str, new: str | None) -> None:
    match = _SOURCE.match(found.key)
    decided = work.decided("processed", found.key, found.version)
    if match and match["accepted"]:
        table = Table.of(match["accepted"], work.contracts)
        # Somebody else's raw row that is rewritten by decision changes its accepted row as well.
        decided |= {OTHER_ROW} if "erase" in work.answers.values() else set()
        found.rows = int(is_in_accepted(old, table, work.person, decided))
        return
    table = Table.of(match["quarantine"] if match else "", work.contracts)

    def rewrite(row: dict[str, Any], name: str) -> tuple[str, str]:
        if name != "raw_text":
            return erase_message(row[name], work.person), ""
        source = str(row.get("source_file") or "")
        return erase_raw_text(row[name], source, work.headers.get(source, ()), table, work.person, decided)

    found.tally = erase_texts(old, work.person, new, rewrite)


def _document(work: Work, found: Found, new: str) -> None:
    with work.stream("processed", found.key, found.version) as stream:
        body = stream.read()  # reports are small
    name = found.key.rpartition("/")[2]
    if name.startswith("report.json"):
        persons = [contract.name for contract in work.contracts.values() if contract.is_of_persons]
        left = erase_report(body, work.person, persons)
        if left != body and work.erases:
            _page(work, found, left)
    elif name.endswith((".json", ".json.gz")):
        left = erase_json(body, work.person)
    else:
        text = body.decode("utf-8", "surrogateescape")
        left = erase_message(text, work.person).encode("utf-8", "surrogateescape")
    if left != body:
        found.rows = 1
        Path(new).write_bytes(gzip.compress(left, mtime=0) if found.key.endswith(".gz") else left)


def _page(work: Work, found: Found, report: bytes) -> None:
    """Render the report's page again: in the page itself, a key does not say whose it is."""
    bucket, key = work.buckets["processed"], found.key.replace("report.json", "report.html")
    try:
        page = html_page(json.loads(report), work.contracts)
    except (ValueError, KeyError, TypeError):
        work.storage.forget(bucket, key)
        return
    if not found.version:
        work.storage.write(bucket, key, page.encode(), "text/html; charset=utf-8")
    work.storage.delete_old_versions(bucket, key)


def _replace(work: Work, found: Found, new: str, *, deletes: bool) -> None:
    bucket, key = work.buckets["processed"], found.key
    if found.version:
        work.storage.delete_version(bucket, key, found.version)
        return
    if deletes:
        work.storage.delete(bucket, key)
    elif key.endswith(".parquet"):
        work.storage.upload(bucket, key, new)
    else:
        kinds = {"json": "application/json", "html": "text/html; charset=utf-8"}
        kind = kinds.get(key.removesuffix(".gz").rpartition(".")[2], "application/octet-stream")
        work.storage.write(bucket, key, Path(new).read_bytes(), kind)
    work.storage.delete_old_versions(bucket, key)
