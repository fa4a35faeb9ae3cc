"""Values of a row in Redshift's form, where PostgreSQL's differs: intervals in binary, VARBYTE, SUPER."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence

BYTEA, INTERVAL, JSON, JSONB = 17, 1186, 114, 3802
# JSONB and JSON go out as SUPER, whose values clients take as text; BYTEA as VARBYTE.
TYPE_IDS = {JSONB: 4000, JSON: 4000, BYTEA: 6551}

_DAY = 86_400_000_000  # microseconds
_SPACED = re.compile(rb'("(?:[^"\\]|\\.)*")|([:,]) ')
Converter = Callable[[bytes], bytes]


def interval_to_redshift(value: bytes) -> bytes:
    """Microseconds and months; PostgreSQL counts days apart, which the Redshift of version 8.0 does not."""
    microseconds, days, months = struct.unpack("!qii", value)
    return struct.pack("!qi", microseconds + days * _DAY, months)


def interval_from_redshift(value: bytes) -> bytes:
    """The reverse, for a parameter."""
    microseconds, months = struct.unpack("!qi", value)
    return struct.pack("!qii", microseconds, 0, months)


def compact_json(value: bytes) -> bytes:
    """SUPER is written without white space: https://docs.aws.amazon.com/redshift/latest/dg/r_SUPER_type.html"""
    return _SPACED.sub(rb"\1\2", value)


def _hexadecimal(value: bytes) -> bytes:
    """VARBYTE is shown as hexadecimal digits: https://docs.aws.amazon.com/redshift/latest/dg/r_VARBYTE_type.html"""
    return value.removeprefix(b"\\x")


def converters(types: Sequence[int], formats: Sequence[int], *, driver: bool) -> list[tuple[int, Converter]]:
    """Columns whose values have to be converted, and how.

    Args:
        types: type id of each column.
        formats: 0 for text or 1 for binary of each column; one for all, or none for text.
        driver: the client is a driver of Redshift, which reads Redshift's intervals.
    """
    found: list[tuple[int, Converter]] = []
    for index, type_id in enumerate(types):
        binary = bool(formats[index] if len(formats) > 1 else formats[0] if formats else 0)
        if type_id == INTERVAL and binary and driver:
            found.append((index, interval_to_redshift))
        elif type_id == BYTEA and not binary:
            found.append((index, _hexadecimal))
        elif type_id == JSONB:
            found.append((index, (lambda value: compact_json(value[1:])) if binary else compact_json))
    return found


def converted(payload: bytes, wanted: Sequence[tuple[int, Converter]]) -> bytes:
    """A row with its values converted."""
    (count,) = struct.unpack_from("!h", payload)
    by_index = dict(wanted)
    out = [payload[:2]]
    offset = 2
    for index in range(count):
        (length,) = struct.unpack_from("!i", payload, offset)
        offset += 4
        value = payload[offset : offset + max(length, 0)]
        offset += max(length, 0)
        if length >= 0 and index in by_index:
            value = by_index[index](value)
            length = len(value)
        out += [struct.pack("!i", length), value]
    return b"".join(out)


def described(payload: bytes) -> tuple[list[int], list[int]]:
    """Type ids and formats of the columns of a RowDescription."""
    (count,) = struct.unpack_from("!h", payload)
    types, formats = [], []
    offset = 2
    for _ in range(count):
        offset = payload.index(b"\0", offset) + 1
        _, _, type_id, _, _, code = struct.unpack_from("!ihihih", payload, offset)
        types.append(type_id)
        formats.append(code)
        offset += 18
    return types, formats


def bound(payload: bytes, offset: int, types: Sequence[int], *, driver: bool) -> tuple[bytes, list[int]]:
    """A Bind message whose intervals PostgreSQL can read, and the formats that it asks for.

    Args:
        payload: the message.
        offset: where the formats of its parameters begin.
        types: type ids of the parameters, as Parse declared them.
        driver: the client is a driver of Redshift, which writes Redshift's intervals.
    """
    (count,) = struct.unpack_from("!h", payload, offset)
    codes = struct.unpack_from(f"!{count}h", payload, offset + 2)
    position = offset + 2 + 2 * count
    (parameters,) = struct.unpack_from("!h", payload, position)
    position += 2
    out = [payload[:position]]
    for index in range(parameters):
        (length,) = struct.unpack_from("!i", payload, position)
        position += 4
        value = payload[position : position + max(length, 0)]
        position += max(length, 0)
        binary = bool(codes[index] if len(codes) > 1 else codes[0] if codes else 0)
        if driver and binary and length == 12 and index < len(types) and types[index] == INTERVAL:
            value = interval_from_redshift(value)
            length = len(value)
        out += [struct.pack("!i", length), value]
    out.append(payload[position:])
    (asked,) = struct.unpack_from("!h", payload, position)
    return b"".join(out), list(struct.unpack_from(f"!{asked}h", payload, position + 2))
