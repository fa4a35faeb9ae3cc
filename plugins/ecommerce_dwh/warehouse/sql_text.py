"""Reads SQL files: splits them into statements and derives from each what logs and checks need.

Redshift's driver sends one statement at a time. Splitting at every ``;`` would break strings, comments and
procedure bodies, so this is a small scanner of Redshift's lexical rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


class SqlTextError(ValueError):
    """The text cannot be split with certainty; the message names the line."""


_DOLLAR_TAG = re.compile(r"\$(?:[A-Za-z_][A-Za-z_0-9]*)?\$")
_INTERESTING = re.compile(r"--|/\*|'|\"|;|\$")
# These end or leave the open transaction in Redshift, so a file that should be all or nothing must not hold
# them.
_ENDS_TRANSACTION = re.compile(
    r"(begin|start\s+transaction|commit|end|rollback|abort|truncate|vacuum|alter\s+table\s+\S+\s+append|"
    r"create\s+database|drop\s+database|create\s+external\s+table|drop\s+external\s+table)\b",
    re.IGNORECASE,
)


def split_statements(text: str) -> list[str]:
    """The statements of an SQL text, in order, without the closing ``;``; pieces of only comments are dropped.

    Raises:
        SqlTextError: a string, comment or ``$$`` body does not end, or a string holds a backslash before its
            quote (Redshift takes ``\\'`` for a quote inside the string, PostgreSQL for its end).
    """
    statements: list[str] = []
    start = 0
    has_code = False
    position = 0
    for kind, begin, end in _tokens(text):
        if text[position:begin].strip():
            has_code = True
        position = end
        if kind == ";":
            if has_code:
                statements.append(text[start:begin].strip())
            start, has_code = end, False
        elif kind != "comment":
            has_code = True
    if text[position:].strip():
        has_code = True
    if has_code:
        statements.append(text[start:].strip())
    return statements


def _tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """Strings, quoted names, comments, bodies and semicolons as (kind, begin, end)."""
    position = 0
    while match := _INTERESTING.search(text, position):
        begin, opener = match.start(), match.group()
        if opener == ";":
            end, kind = begin + 1, ";"
        elif opener == "--":
            newline = text.find("\n", begin)
            end, kind = (len(text) if newline < 0 else newline + 1), "comment"
        elif opener == "/*":
            end, kind = _end_of_block_comment(text, begin), "comment"
        elif opener == "$":
            tag = None if begin and re.match(r"[\w$]", text[begin - 1]) else _DOLLAR_TAG.match(text, begin)
            if tag is None:
                position = begin + 1
                continue
            close = text.find(tag.group(), tag.end())
            if close < 0:
                raise SqlTextError(f"line {_line(text, begin)}: the body opened by {tag.group()} does not end")
            end, kind = close + len(tag.group()), "body"
        else:
            end, kind = _end_of_quoted(text, begin, opener), "quoted"
        yield kind, begin, end
        position = end


def _end_of_quoted(text: str, begin: int, quote: str) -> int:
    position = begin + 1
    while (close := text.find(quote, position)) >= 0:
        backslashes = close - len(text[begin + 1 : close].rstrip("\\")) - begin - 1
        if quote == "'" and backslashes % 2:
            raise SqlTextError(
                f"line {_line(text, close)}: \\' is read differently by different engines; write ''"
            )
        if text[close + 1 : close + 2] != quote:
            return close + 1
        position = close + 2
    what = "string" if quote == "'" else "quoted name"
    raise SqlTextError(f"line {_line(text, begin)}: the {what} that starts here does not end")


def _end_of_block_comment(text: str, begin: int) -> int:
    depth, position = 1, begin + 2
    while depth:
        opened, closed = text.find("/*", position), text.find("*/", position)
        if closed < 0:
            raise SqlTextError(f"line {_line(text, begin)}: the comment that starts here does not end")
        if 0 <= opened < closed:
            depth, position = depth + 1, opened + 2
        else:
            depth, position = depth - 1, closed + 2
    return position


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def without_comments(statement: str) -> str:
    """The statement's code, comments taken out."""
    pieces, position = [], 0
    for kind, begin, end in _tokens(statement):
        pieces.append(statement[position:begin])
        if kind != "comment":
            pieces.append(statement[begin:end])
        else:
            pieces.append(" ")
        position = end
    pieces.append(statement[position:])
    return "".join(pieces).strip()


def first_line(statement: str, width: int = 120) -> str:
    """The first line of code, cut to ``width``: what a log shows of a statement."""
    line = without_comments(statement).split("\n", 1)[0].rstrip()
    return line if len(line) <= width else line[: width - 1] + "…"


def leaves_transaction(statement: str) -> str | None:
    """The command that would commit or refuse the open transaction, or None."""
    match = _ENDS_TRANSACTION.match(without_comments(statement))
    return " ".join(match.group(1).lower().split()) if match else None


@dataclass(frozen=True)
class Audit:
    """One audit file: a query that returns the rows that break a rule.

    Attributes:
        name: the file's name without ``.sql``.
        title: what must hold, from the header ``-- audit: …``.
        severity: ``fail`` stops publishing, ``warn`` is recorded.
        query: the statement, without its closing ``;``.
        reads: the file whose temporary tables the query reads, as below ``include/sql``; it runs before the audit, in
            the same transaction, and where it finds nothing to do the audit has nothing to judge.
    """

    name: str
    title: str
    severity: str
    query: str
    reads: str = ""


def parse_audit(name: str, text: str) -> Audit:
    """Read an audit file.

    Raises:
        SqlTextError: the header lacks ``audit`` or ``severity``, or the file is not exactly one query.
    """
    header = dict(re.findall(r"^--\s*(audit|severity|reads)\s*:\s*(.+?)\s*$", text, flags=re.MULTILINE))
    for key in ("audit", "severity"):
        if key not in header:
            raise SqlTextError(f"audits/{name}.sql: its header lacks the line '-- {key}: …'")
    if header["severity"] not in ("fail", "warn"):
        raise SqlTextError(f"audits/{name}.sql: severity is {header['severity']!r}; write 'fail' or 'warn'")
    statements = split_statements(text)
    if len(statements) != 1:
        raise SqlTextError(f"audits/{name}.sql holds {len(statements)} statements; an audit is one query")
    return Audit(name, header["audit"], header["severity"], statements[0], header.get("reads", ""))
