"""Errors of Redshift: conflicts that a repetition resolves, and the messages of all others."""

from __future__ import annotations

import re

from airflow.sdk.exceptions import AirflowException

from ecommerce_dwh.privacy.masking import mask_error

_CONFLICT_STATES = {"40001", "40P01"}
# Whole messages, from their beginning: a table's name, a type such as varchar(1023) or a rejected value may hold the
# same words. SERIALIZABLE answers 1023, SNAPSHOT the second message; both come with SQLSTATE XX000, which Redshift also
# gives to permanent errors. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
_CONFLICT = re.compile(
    r"(?:error:\s*)?(?:"
    r"1023(?:\s+detail:.*)?"
    r"|could not complete because of conflict with concurrent transaction\.?"
    r"|serializable isolation violation\b.*"
    r"|could not serialize access\b.*"
    r"|deadlock detected\.?"
    r")",
    re.IGNORECASE | re.DOTALL,
)


class StatementError(AirflowException):
    """A statement failed; the message names the statement and has Redshift's error."""


class GuardError(StatementError):
    """A guard query found rows: the warehouse is not in the state that the task needs."""


def error_fields(error: BaseException) -> dict[str, str]:
    """The server's error fields (S severity, C state, M message, D detail, H hint) of a driver's exception."""
    first = error.args[0] if error.args else ""
    return {str(k): str(v) for k, v in first.items()} if isinstance(first, dict) else {"M": str(error)}


def is_conflict(error: BaseException) -> bool:
    """Whether Redshift refused the transaction only because of another one, so that repeating it is right."""
    fields = error_fields(error)
    if fields.get("C") in _CONFLICT_STATES:
        return True
    return _CONFLICT.fullmatch(fields.get("M", "").strip()) is not None


def describe(error: BaseException) -> str:
    """An error of the driver as one readable line, without what the server quotes of rows."""
    fields = error_fields(error)
    text = mask_error(fields.get("M", str(error)))
    extras = [
        f"{label}: {mask_error(fields[key])}"
        for key, label in (("D", "detail"), ("H", "hint"))
        if fields.get(key)
    ]
    if fields.get("C"):
        extras.append(f"SQLSTATE {fields['C']}")
    return text + (f" ({'; '.join(extras)})" if extras else "")
