"""Errors of PostgreSQL in Redshift's words."""

from __future__ import annotations

import re

_BYTE_CHECK = re.compile(r"redshift_bytes_\d+_(\d+)$")


def in_redshifts_words(fields: dict[str, str], isolation: str, table: str, pid: int) -> dict[str, str]:
    """The fields of an error as Redshift would give them.

    Args:
        fields: PostgreSQL's error by field code.
        isolation: isolation level of the database.
        table: the table that the session wrote to last, where the error names none.
        pid: process id of the session.
    """
    state = fields.get("C", "")
    if state == "40001":
        fields = _conflict(fields, isolation, table, pid)
    elif state == "21000" and fields.get("M", "").startswith("MERGE command cannot affect row a second time"):
        fields = {**fields, "M": "Found multiple matches to update the same tuple."}
        fields.pop("H", None)
    elif state == "23514":
        check = _BYTE_CHECK.search(fields.get("n", ""))
        if check:
            fields = {
                **fields,
                "C": "22001",
                "M": f"value too long for type character varying({check.group(1)})",
            }
    return fields


def _conflict(fields: dict[str, str], isolation: str, table: str, pid: int) -> dict[str, str]:
    """A refused write in the words of the database's isolation level.

    https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
    """
    fields = {**fields, "C": "XX000", "H": fields.get("M", "")}
    if isolation == "snapshot":
        return {**fields, "M": "could not complete because of conflict with concurrent transaction"}
    table = fields.get("t") or table or "unknown"
    return {
        **fields,
        "M": "1023",
        "D": f"Serializable isolation violation on table - {table}, transactions forming the cycle are: "
        f"{pid} (pid:{pid})",
    }
