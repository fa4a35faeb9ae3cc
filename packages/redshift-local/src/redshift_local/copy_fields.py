"""Fields of delimited text in PostgreSQL's words: one reader per column, by the column's type and COPY's options."""

from __future__ import annotations

import datetime as dt
import decimal
import re
from collections.abc import Callable, Sequence

from redshift_local.copy_model import Column

_TIMESTAMP_FORMS = ("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%Y%m%d %H%M%S", "%Y%m%d%H%M%S")
_DATE_FORMS = ("%m/%d/%Y", "%m-%d-%Y", "%d.%m.%Y", "%b %d %Y", "%d-%b-%Y")
_INTEGER_RANGES = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}


def reader(column: Column, options: dict[str, str]) -> Callable[[str], str | None]:  # noqa: PLR0915
    """A function from a field's text to PostgreSQL's; it raises ValueError where Redshift rejects the row."""
    null_text = options.get("NULL", "\\N")
    base, sizes = column.base, column.sizes
    is_text = base in {"character varying", "character", "text"}
    empty_null, blank_null = "EMPTYASNULL" in options, "BLANKSASNULL" in options
    trim, cut = "TRIMBLANKS" in options, "TRUNCATECOLUMNS" in options
    rounding = decimal.ROUND_HALF_UP if "ROUNDEC" in options else decimal.ROUND_DOWN
    auto = options.get("DATEFORMAT") == "auto", options.get("TIMEFORMAT") == "auto"

    def text_value(text: str) -> str:
        value = text.rstrip(" ") if trim else text
        data = value.encode()
        if sizes and len(data) > sizes[0]:
            if not cut:
                if value.rstrip(" ").encode() == data[: sizes[0]].rstrip(b" "):
                    return data[: sizes[0]].decode()
                raise ValueError("String length exceeds DDL length")
            return data[: sizes[0]].decode("utf-8", "ignore")
        return value

    def whole(text: str) -> str:
        if not re.fullmatch(r"[+-]?\d+", text):
            raise ValueError(f"Invalid digit, Value '{text[:1]}', Pos 0, Type: {column.redshift_type}")
        number = int(text)
        if not -_INTEGER_RANGES[base] <= number < _INTEGER_RANGES[base]:
            raise ValueError("Overflow for an integer type")
        return str(number)

    def exact(text: str) -> str:
        try:
            number = decimal.Decimal(text)
        except decimal.InvalidOperation as error:
            raise ValueError(f"Invalid digit, Value '{text[:1]}', Type: Decimal") from error
        if not number.is_finite():
            raise ValueError("Invalid decimal")
        precision, scale = (*sizes, 0)[:2] if sizes else (18, 0)
        with decimal.localcontext(prec=60):
            fixed = number.quantize(decimal.Decimal(1).scaleb(-scale), rounding=rounding)
        if len(fixed.as_tuple().digits) > precision and fixed:
            raise ValueError("Numeric data overflow (result precision)")
        return format(fixed, "f")

    def floating(text: str) -> str:
        return repr(float(text))

    def truth(text: str) -> str:
        low = text.lower()
        if low in {"t", "true", "y", "yes", "1"}:
            return "t"
        if low in {"f", "false", "n", "no", "0"}:
            return "f"
        raise ValueError("Unknown boolean format")

    def day(text: str) -> str:
        try:
            return dt.date.fromisoformat(
                text[:10] if re.fullmatch(r"\d{4}-\d\d-\d\d 00:00:00", text) else text
            ).isoformat()
        except ValueError:
            return _by_forms(text, _DATE_FORMS, "Invalid Date Format - length must be 10 or more", auto[0])[:10]

    def moment(text: str) -> str:
        try:
            value = dt.datetime.fromisoformat(text)
        except ValueError:
            return _by_forms(
                text, (*_TIMESTAMP_FORMS, *_DATE_FORMS), "Invalid timestamp format or value", auto[1]
            )
        if value.tzinfo and not base.endswith("with time zone"):
            if not auto[1]:
                raise ValueError("Invalid timestamp format or value")
            value = value.astimezone(dt.UTC).replace(tzinfo=None)
        return value.isoformat(sep=" ")

    readers: dict[str, Callable[[str], str]] = {
        **dict.fromkeys(_INTEGER_RANGES, whole),
        "numeric": exact,
        **dict.fromkeys(("real", "double precision"), floating),
        "boolean": truth,
        "date": day,
        **dict.fromkeys(("timestamp without time zone", "timestamp with time zone"), moment),
    }
    convert = text_value if is_text else readers.get(base, lambda text: text)

    def read(text: str) -> str | None:
        if text == null_text:
            return None
        if not is_text:
            stripped = text.strip()
            return convert(stripped) if stripped else None
        if (not text and empty_null) or (blank_null and not text.strip()):
            return None
        return convert(text)

    return read


def _by_forms(text: str, forms: Sequence[str], message: str, auto: bool) -> str:
    for form in forms if auto else ():
        try:
            return dt.datetime.strptime(text, form).isoformat(sep=" ")  # noqa: DTZ007 - the file has no zone
        except ValueError:
            continue
    raise ValueError(message)
