"""Erasure from a Parquet file: rows are found by their columns; schema, row groups and compression stay.

The types and values of all other rows stay. A column that cannot hold a pseudonym (a key of numbers) becomes text; the
processing job reads every column as text, so its values stay what they were.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from ecommerce_dwh.erasure.person import Person
from ecommerce_dwh_glue.erasure.rows import Fields, Row, Table, judge
from ecommerce_dwh_glue.erasure.tally import Tally, Unreadable
from ecommerce_dwh_glue.reading.text import BLANKS

_BATCH = 1 << 16
_GROUP_ROWS = 1 << 20
Cells = dict[int, str | None]  # new values of a row by the place of their columns


def _open(path: str) -> Any:
    import pyarrow as pa  # late import: needed where Parquet is delivered
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise Unreadable(f"it is no readable Parquet file ({type(error).__name__})") from None


def _text(value: Any) -> str | None:
    """A cell as processing reads it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _rows(batch: Any, table: Table, person: Person, decided: Collection[str]) -> Iterator[tuple[int, Row]]:
    """Rows of a batch in which a value of the person may be, by place, each judged."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = [name.strip().lower() for name in batch.schema.names]
    wanted: set[int] = set()
    for name, kind, column in zip(names, batch.schema.types, batch.columns, strict=True):
        if pa.types.is_dictionary(kind):
            column, kind = column.dictionary_decode(), kind.value_type  # noqa: PLW2901
        if name == table.key:
            texts = [_text(value) for value in column.to_pylist()]
            wanted |= {at for at, text in enumerate(texts) if text and text.strip(BLANKS) == person.customer_id}
        elif name in table.fixed and name in table.personal:
            continue
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            for value in pc.unique(column).to_pylist():
                if (
                    value
                    and person.may_be_in(value.encode("utf-8", "surrogatepass"))
                    and person.read(value).hits
                ):
                    wanted |= set(pc.indices_nonzero(pc.equal(column, value)).to_pylist())
        elif not pa.types.is_primitive(kind) or pa.types.is_integer(kind):
            wanted |= {
                at
                for at, value in enumerate(column.to_pylist())
                if value is not None and person.read(_text(value) or "").hits
            }
    for at in sorted(wanted):
        values = [column[at].as_py() for column in batch.columns]
        nested = {place for place, value in enumerate(values) if isinstance(value, (dict, list))}
        yield at, judge(Fields(names, [_text(value) for value in values], nested), table, person, decided)


def erase_parquet(
    path: str, table: Table, person: Person, target: str | None, decided: Collection[str] = ()
) -> Tally:
    """Write a raw Parquet file after the erasure to ``target``; without a target only search it.

    Raises:
        Unreadable: the file is no Parquet, or its key column is of a type that holds no text and must change.
    """
    tally = Tally()

    def judged(batch: Any, before: int) -> Iterator[tuple[int, Cells]]:
        for at, row in _rows(batch, table, person, decided):
            tally.add(row, before + at + 1)
            if row.changes:
                yield at, row.changes

    _change(path, target, judged)
    return tally


def _change(path: str, target: str | None, changed: Callable[[Any, int], Iterable[tuple[int, Cells]]]) -> None:
    """Look at a file batch by batch, and write it with other cells where there is a target and some change.

    Args:
        path: the file.
        target: where to write it; None only looks.
        changed: gets a batch and the number of rows before it; gives the rows that change by their place in the batch.

    Raises:
        Unreadable: the file is no Parquet, or cannot be changed.
    """
    import pyarrow as pa

    file, before = _open(path), 0
    changes: dict[int, Cells] = {}
    try:
        for batch in file.iter_batches(batch_size=_BATCH):
            changes |= {before + at: cells for at, cells in changed(batch, before)}
            before += batch.num_rows
        if target is not None and changes:
            _rewrite(file, changes, target)
    except pa.ArrowException as error:
        raise Unreadable(f"it is no readable Parquet file ({type(error).__name__})") from None


def _rewrite(file: Any, changes: dict[int, Cells], target: str) -> None:
    """Write the file with other cells; a column that can hold no pseudonym becomes text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = file.schema_arrow
    touched = {place for row in changes.values() for place, new in row.items() if new is not None}
    for place in touched:
        kind = schema.field(place).type
        if not (_holds_text(kind) or pa.types.is_nested(kind)):
            schema = schema.set(place, schema.field(place).with_type(pa.string()))
    meta = file.metadata
    codecs = {
        meta.row_group(0).column(place).path_in_schema: _codec(meta.row_group(0).column(place).compression)
        for place in range(meta.num_columns if meta.num_row_groups else 0)
    }
    with pq.ParquetWriter(target, schema, compression=codecs or "snappy") as writer:
        first = 0
        for group in range(meta.num_row_groups):
            rows = meta.row_group(group).num_rows
            # A group that is too large to be held in memory is written as several.
            if rows <= _GROUP_ROWS:
                parts: Iterable[Any] = [file.read_row_group(group)]
            else:
                parts = (
                    pa.Table.from_batches([part]) for part in file.iter_batches(_GROUP_ROWS, row_groups=[group])
                )
            for part in parts:
                writer.write_table(_changed(part, schema, changes, first), row_group_size=max(part.num_rows, 1))
                first += part.num_rows


def _codec(name: str) -> str:
    return {"UNCOMPRESSED": "none", "LZ4_RAW": "lz4"}.get(name, name.lower())


def _holds_text(kind: Any) -> bool:
    import pyarrow as pa

    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value))


def _cell(value: str | None, kind: Any) -> Any:
    """A new text as a cell of a column; None where the column's type does not take it."""
    import pyarrow as pa

    if value is None or not pa.types.is_nested(kind):
        return value
    try:
        return pa.scalar(json.loads(value), kind).as_py()
    except (pa.ArrowException, ValueError, TypeError):
        return None


def _changed(part: Any, schema: Any, changes: dict[int, dict[int, str | None]], first: int) -> Any:
    import pyarrow as pa

    mine = {row - first: new for row, new in changes.items() if first <= row < first + part.num_rows}
    columns = []
    for place, field_ in enumerate(schema):
        column = part.column(place)
        new = {at: row[place] for at, row in mine.items() if place in row}
        if field_.type != column.type:
            column = pa.array([_text(value) for value in column.to_pylist()], pa.string())
        if new:
            values = column.to_pylist()
            for at, value in new.items():
                values[at] = _cell(value, field_.type)
            kind = field_.type.value_type if pa.types.is_dictionary(field_.type) else field_.type
            column = pa.array(values, kind)
            column = (
                column.dictionary_encode().cast(field_.type) if pa.types.is_dictionary(field_.type) else column
            )
        columns.append(column)
    return pa.Table.from_arrays(columns, schema=schema)


def is_in_accepted(path: str, table: Table, person: Person, decided: Collection[str] = ()) -> bool:
    """Whether accepted rows belong to the person, or name the person and have no key.

    Raises:
        Unreadable: the file is no Parquet.
    """
    import pyarrow as pa

    try:
        return any(
            row.changes
            for batch in _open(path).iter_batches(batch_size=_BATCH)
            for _, row in _rows(batch, table, person, decided)
        )
    except pa.ArrowException as error:
        raise Unreadable(f"it is no readable Parquet file ({type(error).__name__})") from None


def erase_texts(
    path: str,
    person: Person,
    target: str | None,
    rewrite: Callable[[dict[str, Any], str], tuple[str | None, str]],
) -> Tally:
    """Rewrite the text columns of quarantined rows and check results; without a target only search them.

    Args:
        path: the file.
        person: whom to erase.
        target: where to write it.
        rewrite: gets a row and the name of one of its columns, gives its new text and a question (or empty).
    """
    tally = Tally()

    def rewritten(batch: Any, before: int) -> Iterator[tuple[int, Cells]]:
        names = batch.schema.names
        columns = [place for place, kind in enumerate(batch.schema.types) if _holds_text(kind)]
        for at, row in enumerate(batch.to_pylist()):
            new: Cells = {}
            for place in columns:
                text = row[names[place]]
                if not text or not person.may_be_in(text.encode("utf-8", "surrogatepass")):
                    continue
                left, question = rewrite(row, names[place])
                if question:
                    tally.ask(question, before + at + 1)
                if left != text:
                    new[place] = left
            if new:
                tally.rows += 1
                yield at, new

    _change(path, target, rewritten)
    return tally
