"""Reads the text of an UNLOAD statement: https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from redshift_local.plan import Plan, Refused, not_in_redshift, not_served
from redshift_local.tokens import Group, Node, Token, find, identifier, split, starts, statements, string_value

_SWITCHES = {
    *("HEADER", "ADDQUOTES", "ESCAPE", "ALLOWOVERWRITE", "CLEANPATH", "GZIP", "BZIP2", "ZSTD", "ENCRYPTED"),
}
_VALUES = {
    *("DELIMITER", "NULL", "KMS_KEY_ID", "REGION", "EXTENSION", "CREDENTIALS", "ACCESS_KEY_ID"),
    *("SECRET_ACCESS_KEY", "SESSION_TOKEN", "FIXEDWIDTH", "MASTER_SYMMETRIC_KEY"),
}
_UNITS = {"MB": 1 << 20, "GB": 1 << 30}
_TEXT_ONLY = {"DELIMITER", "FIXEDWIDTH", "ADDQUOTES", "ESCAPE", "NULL", "HEADER", "GZIP", "BZIP2", "ZSTD"}
_SMALLEST, _LARGEST = 5 << 20, int(6.2 * (1 << 30))


@dataclass(frozen=True)
class UnloadStatement:
    """An UNLOAD as written.

    Attributes:
        query: plan of the query.
        target: ``s3://`` URL that the names of the files begin with.
        file_format: ``PARQUET``, ``CSV``, ``JSON`` or ``TEXT``.
        options: everything else by its keyword; a switch has an empty value.
        partitions: columns whose values are folders.
        include: the partition columns stay in the files.
        largest: bytes of a file at most.
    """

    query: Plan
    target: str
    file_format: str
    options: dict[str, str] = field(default_factory=dict, hash=False)
    partitions: tuple[str, ...] = ()
    include: bool = False
    largest: int = _LARGEST

    def has(self, option: str) -> bool:
        return option in self.options


def parse(nodes: Sequence[Node], plan: Plan) -> UnloadStatement:
    """Parse an UNLOAD statement.

    Args:
        nodes: the statement.
        plan: plan of its query.

    Raises:
        Refused: an option is wrong for its format, or not served.
    """
    target = _text(nodes, 3)
    if not starts(nodes, "TO", 2) or target is None:
        raise Refused("syntax error: UNLOAD ('query') TO 's3://…'", "42601")
    if not target.startswith("s3://") or not target.removeprefix("s3://").partition("/")[0]:
        raise Refused("UNLOAD destination must be an s3:// path", "42601")
    reader = _Options(nodes, 4)
    reader.read()
    options, file_format = reader.options, reader.file_format or "TEXT"
    if not {"IAM_ROLE", "CREDENTIALS", "ACCESS_KEY_ID"} & options.keys():
        raise Refused("UNLOAD needs an authorization: IAM_ROLE default, for example", "42601")
    for secret in (
        "CREDENTIALS",
        "ACCESS_KEY_ID",
        "SECRET_ACCESS_KEY",
        "SESSION_TOKEN",
        "MASTER_SYMMETRIC_KEY",
    ):
        options.pop(secret, None)
    if "FIXEDWIDTH" in options:
        raise not_served("UNLOAD … FIXEDWIDTH")
    if file_format == "PARQUET" and (wrong := sorted(options.keys() & _TEXT_ONLY)):
        raise Refused(f"{wrong[0]} is not supported for UNLOAD to PARQUET", "0A000")
    if file_format == "JSON" and (wrong := sorted(options.keys() & (_TEXT_ONLY - {"GZIP", "BZIP2", "ZSTD"}))):
        raise Refused(f"{wrong[0]} is not supported for UNLOAD to JSON", "0A000")
    if file_format == "CSV" and (wrong := sorted(options.keys() & {"ESCAPE", "ADDQUOTES", "FIXEDWIDTH"})):
        raise Refused(f"{wrong[0]} is not supported for UNLOAD to CSV", "0A000")
    if {"ALLOWOVERWRITE", "CLEANPATH"} <= options.keys():
        raise Refused("ALLOWOVERWRITE and CLEANPATH exclude each other", "42601")
    if not _SMALLEST <= reader.largest <= _LARGEST:
        raise Refused("MAXFILESIZE must be between 5 MB and 6.2 GB", "22023")
    return UnloadStatement(
        plan, target, file_format, options, reader.partitions, reader.include, reader.largest
    )


def query_of(nodes: Sequence[Node]) -> list[Node]:
    """The query inside of the brackets of UNLOAD.

    Raises:
        Refused: there is none, or its LIMIT is at the top.
    """
    group = nodes[1] if len(nodes) > 1 else None
    inside = group.children[0] if isinstance(group, Group) and len(group.children) == 1 else None
    if not isinstance(inside, Token) or inside.kind not in {"string", "dollar"}:
        raise Refused("syntax error: UNLOAD takes its query as a string in brackets", "42601")
    if inside.kind == "string":
        text = string_value(inside)
    else:
        tag = inside.text[: inside.text.index("$", 1) + 1]
        text = inside.text[len(tag) : -len(tag)]
    found = statements(text)
    if len(found) != 1 or (not isinstance(found[0][0], Group) and found[0][0].up not in {"SELECT", "WITH"}):
        raise Refused("UNLOAD takes one SELECT", "42601")
    if find(found[0], "LIMIT") >= 0:
        raise not_in_redshift("LIMIT in the outer SELECT of UNLOAD", "nest the query")
    return found[0]


class _Options:
    """Reads the options one after another."""

    def __init__(self, nodes: Sequence[Node], index: int) -> None:
        self._nodes = nodes
        self._index = index
        self.options: dict[str, str] = {}
        self.file_format = ""
        self.partitions: tuple[str, ...] = ()
        self.include = False
        self.largest = _LARGEST

    def read(self) -> None:
        while self._index < len(self._nodes):
            word = self._nodes[self._index].up
            self._index += 1
            if word in {"WITH", "AND"}:
                continue
            if word in {"FORMAT", "PARQUET", "CSV", "JSON"}:
                self._format(word)
            elif word == "PARTITION":
                self._partition()
            elif word == "MANIFEST":
                self.options[word] = "VERBOSE" if self._taken("VERBOSE") else ""
            elif word == "PARALLEL":
                self.options[word] = self._nodes[self._index].up
                self._index += 1
                if self.options[word] not in {"ON", "OFF", "TRUE", "FALSE"}:
                    raise Refused("syntax error: PARALLEL takes ON or OFF", "42601")
            elif word in {"MAXFILESIZE", "ROWGROUPSIZE"}:
                self._size(word)
            elif word == "IAM_ROLE" or word in _VALUES:
                self._taken("AS")
                value = _text(self._nodes, self._index)
                self.options[word] = value if value is not None else self._nodes[self._index].render().strip()
                self._index += 1
            elif word in _SWITCHES:
                self.options[word] = ""
                if word == "ENCRYPTED":
                    self._taken("AUTO")
            else:
                shown = self._nodes[self._index - 1].render().strip()[:40]
                raise Refused(f'syntax error at or near "{shown}"', "42601")

    def _taken(self, words: str) -> bool:
        found = starts(self._nodes, words, self._index)
        self._index += len(words.split()) if found else 0
        return found

    def _format(self, word: str) -> None:
        if word == "FORMAT":
            self._taken("AS")
            word = self._nodes[self._index].up
            self._index += 1
        if word not in {"PARQUET", "CSV", "JSON"}:
            raise Refused(f'syntax error at or near "{word.lower()}"', "42601")
        self.file_format = word
        if word == "CSV" and self._taken("DELIMITER"):
            self._taken("AS")
            self.options["DELIMITER"] = _text(self._nodes, self._index) or ","
            self._index += 1

    def _partition(self) -> None:
        group = self._nodes[self._index + 1]
        if not self._taken("BY") or not isinstance(group, Group):
            raise Refused("syntax error: PARTITION BY (columns)", "42601")
        self._index += 1
        self.partitions = tuple(identifier(part[0]) for part in split(group.children))
        self.include = self._taken("INCLUDE")

    def _size(self, word: str) -> None:
        self._taken("AS")
        number = float(self._nodes[self._index].render())
        self._index += 1
        unit = "MB"
        for name in _UNITS:
            if self._taken(name):
                unit = name
        if word == "MAXFILESIZE":
            self.largest = int(number * _UNITS[unit])


def _text(nodes: Sequence[Node], index: int) -> str | None:
    node = nodes[index] if index < len(nodes) else None
    return string_value(node) if isinstance(node, Token) and node.kind == "string" else None
