"""Reads the text of a COPY statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from redshift_local.plan import Refused, not_in_redshift, not_served
from redshift_local.tokens import (
    Group,
    Node,
    Token,
    identifier,
    is_mark,
    quote_name,
    read_name,
    split,
    starts,
    string_value,
)

# Options of COPY from a columnar format beside FROM, FORMAT and the authorisation.
_COLUMNAR_OPTIONS = {"ACCEPTINVCHARS", "FILLRECORD", "STATUPDATE", "MANIFEST", "EXPLICIT_IDS"}
_SWITCHES = {
    *(
        "MANIFEST",
        "FILLRECORD",
        "EMPTYASNULL",
        "BLANKSASNULL",
        "TRUNCATECOLUMNS",
        "IGNOREBLANKLINES",
        "TRIMBLANKS",
    ),
    *("ROUNDEC", "EXPLICIT_IDS", "GZIP", "BZIP2", "ZSTD", "LZOP", "REMOVEQUOTES", "ESCAPE", "ACCEPTANYDATE"),
    *("NOLOAD", "SHAPEFILE", "SSH", "ENCRYPTED", "SERIALIZETOJSON"),
}
_UNSERVED = {
    *(
        "LZOP",
        "REMOVEQUOTES",
        "ESCAPE",
        "ACCEPTANYDATE",
        "NOLOAD",
        "SHAPEFILE",
        "SSH",
        "ENCRYPTED",
    ),
    *("SERIALIZETOJSON", "FIXEDWIDTH", "READRATIO", "MASTER_SYMMETRIC_KEY"),
}


@dataclass(frozen=True)
class CopyStatement:
    """A COPY as written.

    Attributes:
        name: parts of the table's name.
        columns: the column list; empty for all columns.
        source: ``s3://`` URL of a prefix or a manifest.
        file_format: ``PARQUET``, ``CSV``, ``JSON`` or ``TEXT``.
        options: everything else by its keyword; a switch has an empty value.
    """

    name: tuple[str, ...]
    columns: tuple[str, ...]
    source: str
    file_format: str
    options: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def table(self) -> str:
        return ".".join(self.name)

    @property
    def quoted_table(self) -> str:
        return ".".join(map(quote_name, self.name))

    def has(self, option: str) -> bool:
        return option in self.options


def parse(nodes: Sequence[Node]) -> CopyStatement:
    """Parse a COPY statement.

    Raises:
        Refused: an option is wrong for its format, or not served.
    """
    name, index = read_name(nodes, 1)
    if not name:
        raise Refused("syntax error: COPY needs a table", "42601")
    columns: tuple[str, ...] = ()
    if isinstance(nodes[index], Group):
        columns = tuple(identifier(part[0]) for part in split(nodes[index].children))  # type: ignore[union-attr]
        index += 1
    if starts(nodes, "TO", index):
        raise not_in_redshift("COPY TO", "use UNLOAD")
    if not starts(nodes, "FROM", index):
        raise Refused("syntax error: COPY needs FROM", "42601")
    source = _text(nodes, index + 1)
    if source is None:
        raise not_in_redshift("COPY FROM STDIN", "put the data into S3")
    if not source.startswith("s3://"):
        raise not_served(f"COPY from {source.split(':')[0]}", "only s3:// is")
    options, file_format = _options(nodes, index + 2)
    if not {"IAM_ROLE", "CREDENTIALS", "ACCESS_KEY_ID"} & options.keys():
        raise Refused("COPY needs an authorization: IAM_ROLE default, for example", "42601")
    for secret in ("CREDENTIALS", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        options.pop(secret, None)
    if file_format == "PARQUET":
        for option in options.keys() - _COLUMNAR_OPTIONS - {"IAM_ROLE"}:
            raise Refused(f"{option} argument is not supported for PARQUET based COPY", "0A000")
    for option in sorted(options.keys() & _UNSERVED):
        raise not_served(f"COPY … {option}")
    for option in ("DATEFORMAT", "TIMEFORMAT"):
        if options.get(option, "auto") not in {"auto", "YYYY-MM-DD", "YYYY-MM-DD HH:MI:SS"}:
            raise not_served(f"COPY … {option} '{options[option]}'", "'auto' is")
    if options.get("ENCODING", "UTF8").upper() not in {"UTF8", "UTF-8"}:
        raise not_served(f"COPY … ENCODING {options['ENCODING']}")
    return CopyStatement(tuple(name), columns, source, file_format, options)


def _options(nodes: Sequence[Node], index: int) -> tuple[dict[str, str], str]:  # noqa: PLR0915
    options: dict[str, str] = {}
    file_format = ""
    while index < len(nodes):
        word = nodes[index].up
        index += 1
        if word in {"WITH", "AND"}:
            continue
        if word == "FORMAT":
            if starts(nodes, "AS", index):
                index += 1
            file_format = nodes[index].up
            index += 1
            if file_format in {"AVRO", "ORC"}:
                raise not_served(f"COPY … FORMAT {file_format}")
            if file_format == "JSON":
                index = _json(nodes, index, options)
            continue
        if word in {"PARQUET", "JSON", "AVRO", "ORC"}:
            if word in {"AVRO", "ORC"}:
                raise not_served(f"COPY … {word}")
            file_format = word
            if word == "JSON":
                index = _json(nodes, index, options)
            continue
        if word in {"CSV"}:
            file_format = "CSV"
            continue
        if word == "IAM_ROLE":
            value = _text(nodes, index)
            options[word] = value if value is not None else nodes[index].up.lower()
            index += 1
        elif word == "NULL":
            index += starts(nodes, "AS", index)
            options["NULL"] = _text(nodes, index) or ""
            index += 1
        elif word in {
            "CREDENTIALS",
            "DELIMITER",
            "QUOTE",
            "DATEFORMAT",
            "TIMEFORMAT",
            "ENCODING",
            "REGION",
            "IGNOREHEADER",
            "MAXERROR",
        } or word in {
            *("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "FIXEDWIDTH", "READRATIO", "COMPROWS"),
            "MASTER_SYMMETRIC_KEY",
        }:
            index += starts(nodes, "AS", index)
            value = _text(nodes, index)
            options[word] = value if value is not None else nodes[index].render().strip()
            index += 1
        elif word == "ACCEPTINVCHARS":
            index += starts(nodes, "AS", index)
            value = _text(nodes, index)
            options[word] = "?" if value is None else value
            index += value is not None
        elif word in {"STATUPDATE", "COMPUPDATE"}:
            options[word] = ""
            if index < len(nodes) and nodes[index].up in {"ON", "OFF", "TRUE", "FALSE", "PRESET"}:
                options[word] = nodes[index].up
                index += 1
        elif word in _SWITCHES:
            options[word] = ""
        else:
            node = nodes[index - 1]
            shown = node.render().strip()
            if is_mark(node, "=") or not word:
                raise Refused(f'syntax error at or near "{shown[:20]}"', "42601")
            raise Refused(f'syntax error at or near "{shown}"', "42601")
    return options, file_format or "TEXT"


def _json(nodes: Sequence[Node], index: int, options: dict[str, str]) -> int:
    """Note how the objects of a JSON file are read; the index behind it."""
    index += starts(nodes, "AS", index)
    mode = _text(nodes, index)
    options["JSON"] = "auto" if mode is None else mode
    if options["JSON"] not in {"auto", "auto ignorecase"}:
        raise not_served(f"COPY … JSON '{options['JSON']}'", "'auto' and 'auto ignorecase' are")
    return index + (mode is not None)


def _text(nodes: Sequence[Node], index: int) -> str | None:
    node = nodes[index] if index < len(nodes) else None
    return string_value(node) if isinstance(node, Token) and node.kind == "string" else None
