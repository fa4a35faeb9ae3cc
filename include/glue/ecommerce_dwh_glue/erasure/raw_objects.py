"""Objects of the raw bucket: searched for the person, and rewritten, renamed or deleted; raw files keep all rows."""

from __future__ import annotations

import hashlib
import re
import tempfile

from ecommerce_dwh.erasure.person import CERTAIN, DOUBTFUL
from ecommerce_dwh.lake.layout import read_key
from ecommerce_dwh_glue.erasure.documents import erase_message
from ecommerce_dwh_glue.erasure.found import FILE_NAME, OUTSIDE, UNREADABLE, Found
from ecommerce_dwh_glue.erasure.parquet import erase_parquet
from ecommerce_dwh_glue.erasure.rows import Table
from ecommerce_dwh_glue.erasure.tally import Tally, Unreadable
from ecommerce_dwh_glue.erasure.text import erase_text
from ecommerce_dwh_glue.erasure.work import DAMAGED, Work, writer

# Bytes of an object that no contract describes, searched at a time.
_PIECE = 1 << 16
_ENDING = re.compile(r"\.(?:csv|json|parquet)(?:\.gz)?\Z", re.IGNORECASE)


def look_at_raw(work: Work, key: str, version: str = "") -> Found:
    """Look at a raw file and, when erasing, rewrite it; an older version with traces is deleted."""
    # Sub-folders, hidden names and days that no calendar has hold rows as well, though no run loads them.
    read = read_key(key)
    found = Found("raw", key, version)
    with tempfile.TemporaryDirectory() as folder:
        new = f"{folder}/new"
        try:
            if read.format and read.source in work.contracts:
                table = Table.of(read.source, work.contracts)
                found.tally = _table(work, key, version, read.format, table, folder, new)
                found.rows = found.tally.rows
            else:
                _outside(work, key, version, found)
        except DAMAGED as error:
            reason = str(error) if isinstance(error, Unreadable) else "it is damaged"
            work.ask(found, UNREADABLE, reason=f"{reason} ({type(error).__name__})")
        _name(work, found)
        _finish(work, found, new)
    return found


def _table(work: Work, key: str, version: str, form: str, table: Table, folder: str, new: str) -> Tally:
    decided = work.decided("raw", key, version)
    writes = work.erases and not version
    if form == "parquet":
        work.fetch("raw", key, version, f"{folder}/old")
        return erase_parquet(f"{folder}/old", table, work.person, new if writes else None, decided)
    with work.stream("raw", key, version) as stream, writer(new, key, write=writes) as take:
        return erase_text(stream, form, table, work.person, take, decided)


def _outside(work: Work, key: str, version: str, found: Found) -> None:
    """An object that no contract describes: searched as a text, never rewritten; binary parts are no text."""
    hits, tail = 0, b""
    with work.stream("raw", key, version) as stream:
        while chunk := stream.read(_PIECE):
            text = tail + chunk
            if b"\0" not in text and work.person.may_be_in(text):
                hits += work.person.read(text.decode("utf-8", "surrogateescape")).verdict == CERTAIN
            tail = chunk[-1024:]
    if hits:
        work.ask(found, OUTSIDE)


def _name(work: Work, found: Found) -> None:
    """Whether the object's name points at the person."""
    verdict = work.person.read(found.key).verdict
    if verdict == DOUBTFUL:
        verdict = CERTAIN if work.ask(found, FILE_NAME) == "erase" else ""
    found.renamed = verdict == CERTAIN


def _finish(work: Work, found: Found, new: str) -> None:
    """Questions of the file's rows; and, when erasing, the changes."""
    work.ask_about_rows(found)
    deletes = any(question.answer == "delete" for question in found.questions)
    found.rows = max(found.rows, int(deletes))
    if not (work.erases and found.changes):
        return
    bucket, key = work.buckets["raw"], found.key
    if found.version:
        work.storage.delete_version(bucket, key, found.version)
    elif deletes:
        work.storage.forget(bucket, key)
    else:
        if found.rows:
            work.storage.upload(bucket, key, new)
        if found.renamed:
            if not found.rows:
                work.fetch("raw", key, "", new)
            work.storage.upload(bucket, _new_name(work, key), new)
            work.storage.forget(bucket, key)
        else:
            work.storage.delete_old_versions(bucket, key)


def _new_name(work: Work, key: str) -> str:
    folder, _, name = key.rpartition("/")
    form = _ENDING.search(name)
    digest = hashlib.sha256(f"{work.person.pseudonym}/{key}".encode()).hexdigest()[:12]
    folder = erase_message(folder, work.person)
    return f"{folder}/{work.person.pseudonym}-{digest}{form[0] if form else ''}".lstrip("/")
