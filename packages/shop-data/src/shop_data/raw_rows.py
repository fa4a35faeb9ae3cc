"""Rows of raw files in every format, read in plain Python."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Iterator

import pyarrow.parquet as pq

from shop_data.raw_rules import Values
from shop_data.records import header_names, split_records
from shop_data.schema import Source


def rows_of(name: str, data: bytes, source: Source) -> Iterator[tuple[Values | None, str]]:
    """Rows of a file: values by column, and what is wrong with a row as a whole."""
    if name.endswith(".parquet"):
        for record in pq.read_table(io.BytesIO(data)).to_pylist():
            texts = {column: _parquet_text(value) for column, value in record.items()}
            yield {column: _clean(texts.get(column)) for column in source.columns}, ""
        return
    if name.endswith(".gz"):
        data = gzip.decompress(data)
    lines = data.splitlines(keepends=True) if b"\r" not in data else re.findall(rb"[^\n]*\n|[^\n]+", data)
    if ".json" in name:
        for line in lines:
            if line.strip():
                yield _json_row(line, source)
        return
    records = split_records(lines)
    names = header_names(next(records)[1])
    places = [(column, names.index(column) if column in names else -1) for column in source.columns]
    for record, fields in records:
        if not record.strip():
            continue
        if not _is_utf8(record):
            yield None, "invalid_utf8"
        elif len(fields) != len(names):
            yield None, "wrong_field_count"
        else:
            cells = [value.decode() for value in fields]
            yield {column: _clean(cells[at]) if at >= 0 else None for column, at in places}, ""


def _json_row(line: bytes, source: Source) -> tuple[Values | None, str]:
    if not _is_utf8(line):
        return None, "invalid_utf8"
    try:
        members = json.loads(line, parse_float=str, parse_int=str)
    except ValueError:
        return None, "malformed_json"
    if not isinstance(members, dict):
        return None, "malformed_json"
    texts = {
        name: {True: "true", False: "false"}.get(value, str(value)) if value is not None else None
        for name, value in members.items()
    }
    return {column: _clean(texts.get(column)) for column in source.columns}, ""


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _parquet_text(value: object) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _clean(text: str | None) -> str | None:
    return (text or "").strip(" \t\r\n") or None
