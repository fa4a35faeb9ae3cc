"""Redshift SQL as a tree of tokens.

The rewriting works on tokens, not on a syntax tree: what Redshift and PostgreSQL share goes through byte for byte,
with its comments and layout, and only the constructs that differ are touched. Brackets are matched, so that a
construct's arguments, a query's clauses and a statement's end are found where they really are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""
    (?P<space>   \s+ | --[^\n]* )
  | (?P<comment> /\* )
  | (?P<string>  [eE]?'(?:[^'\\]|\\.|'')*' | [xXbB]'[0-9a-fA-F]*' )
  | (?P<quoted>  "(?:[^"]|"")*" )
  | (?P<dollar>  \$(?P<tag>[A-Za-z_\x80-\U0010ffff]*)\$ )
  | (?P<param>   \$\d+ )
  | (?P<number>  (?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][+-]?\d+)? )
  | (?P<word>    \#?[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]* )
  | (?P<op>      :: | := | \.\. | ->> | -> | <= | >= | <> | != | \|\| | !?~~?\*? | @> | <@ | [-+*/%^&|<>=!~@?`] )
  | (?P<mark>    [()\[\],;.:\#\\{}] )
    """,
    re.VERBOSE | re.DOTALL,
)

# Words behind which an operand begins: none of them ends one.
NOT_OPERANDS = {
    *(
        "SELECT",
        "WHERE",
        "AND",
        "OR",
        "NOT",
        "ON",
        "IN",
        "WHEN",
        "THEN",
        "ELSE",
        "CASE",
        "BY",
        "HAVING",
        "QUALIFY",
    ),
    *(
        "FROM",
        "USING",
        "VALUES",
        "AS",
        "JOIN",
        "SET",
        "RETURNING",
        "LIMIT",
        "LIKE",
        "ILIKE",
        "BETWEEN",
        "ALL",
        "ANY",
    ),
}


_MAX_DEPTH = 120  # of brackets; what Redshift takes is not documented, and each level costs stack here


class SqlSyntaxError(ValueError):
    """The text cannot be split into tokens."""


@dataclass(slots=True)
class Token:
    """A token with the white space and comments before it.

    ``kind`` is word, quoted, string, number, param, dollar, op, mark, or raw for text that a rewrite put in; ``column``
    is then the name of the column that it makes, where PostgreSQL would give another.
    """

    kind: str
    text: str
    pre: str = ""
    up: str = ""
    column: str = ""

    def render(self) -> str:
        return self.pre + self.text


@dataclass(slots=True)
class Group:
    """Brackets and what is between them."""

    open: str
    children: list[Node] = field(default_factory=list)
    pre: str = ""
    close_pre: str = ""
    kind: str = "group"
    up: str = ""

    def render(self) -> str:
        close = ")" if self.open == "(" else "]"
        return f"{self.pre}{self.open}{render(self.children)}{self.close_pre}{close}"


Node = Token | Group


def render(nodes: Iterable[Node]) -> str:
    """The text of nodes."""
    return "".join(node.render() for node in nodes)


def inner(nodes: Sequence[Node]) -> str:
    """The text of nodes on its own, without white space around it, safe to put before other text."""
    text = render(nodes).strip()
    last_line = text[text.rfind("\n") + 1 :]
    return text + "\n" if "--" in last_line else text


def scan(sql: str) -> Iterator[Token]:
    """Tokens of a text.

    Raises:
        SqlSyntaxError: a string, comment or quoted name does not end.
    """
    position, pre_start, end = 0, 0, len(sql)
    while position < end:
        match = _TOKEN.match(sql, position)
        if match is None:
            what = {"'": "string", '"': "quoted name"}.get(sql[position])
            if what:
                raise SqlSyntaxError(f'unterminated {what} at or near "{sql[position : position + 20]}"')
            raise SqlSyntaxError(f'syntax error at or near "{sql[position : position + 20]}"')
        kind = match.lastgroup or ""
        if kind == "tag":
            kind = "dollar"
        if kind == "space":
            position = match.end()
            continue
        if kind == "comment":
            position = _comment_end(sql, position)
            continue
        stop = match.end()
        if kind == "dollar":
            closing = sql.find(match.group("dollar"), stop)
            if closing < 0:
                raise SqlSyntaxError("unterminated dollar-quoted string")
            stop = closing + len(match.group("dollar"))
        text = sql[position:stop]
        yield Token(kind, text, sql[pre_start:position], text.upper() if kind == "word" else "")
        position = pre_start = stop
    yield Token("end", "", sql[pre_start:])


def _comment_end(sql: str, start: int) -> int:
    depth, position = 1, start + 2
    while depth:
        opening, closing = sql.find("/*", position), sql.find("*/", position)
        if closing < 0:
            raise SqlSyntaxError("unterminated comment")
        if 0 <= opening < closing:
            depth, position = depth + 1, opening + 2
        else:
            depth, position = depth - 1, closing + 2
    return position


def statements(sql: str) -> list[list[Node]]:
    """The statements of a script, each as a list of nodes; empty ones are left out.

    Raises:
        SqlSyntaxError: brackets or quotes do not match.
    """
    found: list[list[Node]] = []
    current: list[Node] = []
    stack: list[tuple[Group, list[Node]]] = []
    for token in scan(sql):
        text = token.text
        if token.kind == "end":
            break
        if token.kind == "mark" and text in "([":
            if len(stack) == _MAX_DEPTH:
                raise SqlSyntaxError(f"more than {_MAX_DEPTH} brackets are open at once")
            group = Group(text, pre=token.pre)
            current.append(group)
            stack.append((group, current))
            current = group.children
        elif token.kind == "mark" and text in ")]":
            if not stack or (stack[-1][0].open == "(") != (text == ")"):
                raise SqlSyntaxError(f'syntax error at or near "{text}"')
            group, outer = stack.pop()
            group.close_pre = token.pre
            current = outer
        elif token.kind == "mark" and text == ";" and not stack:
            if current:
                found.append(current)
            current = []
        else:
            current.append(token)
    if stack:
        raise SqlSyntaxError("syntax error at end of input: a bracket is not closed")
    if current:
        found.append(current)
    return found


def split(nodes: Sequence[Node], mark: str = ",") -> list[list[Node]]:
    """Parts between top-level marks; no part for no nodes."""
    if not nodes:
        return []
    parts: list[list[Node]] = [[]]
    for node in nodes:
        if node.kind == "mark" and isinstance(node, Token) and node.text == mark:
            parts.append([])
        else:
            parts[-1].append(node)
    return parts


def walk(nodes: Iterable[Node]) -> Iterator[Token]:
    """All tokens, inside of brackets too."""
    for node in nodes:
        if isinstance(node, Group):
            yield from walk(node.children)
        else:
            yield node


def find(nodes: Sequence[Node], words: str, start: int = 0) -> int:
    """Index where a sequence of words begins at this depth; -1 when it does not."""
    wanted = words.split()
    for index in range(start, len(nodes) - len(wanted) + 1):
        if all(nodes[index + offset].up == word for offset, word in enumerate(wanted)):
            return index
    return -1


def starts(nodes: Sequence[Node], words: str, start: int = 0) -> bool:
    """Whether a sequence of words begins at an index."""
    wanted = words.split()
    return len(nodes) >= start + len(wanted) and all(
        nodes[start + offset].up == word for offset, word in enumerate(wanted)
    )


def is_mark(node: Node | None, text: str) -> bool:
    return isinstance(node, Token) and node.kind in {"mark", "op"} and node.text == text


def string_value(token: Token) -> str:
    """The value of a string literal, backslashes read as Redshift reads them."""
    text = token.text
    body = text[text.index("'") + 1 : -1].replace("''", "'")
    simple = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
    return re.sub(r"\\(.)", lambda match: simple.get(match.group(1), match.group(1)), body, flags=re.DOTALL)


def identifier(node: Node) -> str:
    """The name of a word or a quoted name; Redshift folds both to lower case."""
    if isinstance(node, Token) and node.kind == "quoted":
        return node.text[1:-1].replace('""', '"').lower()
    return node.text.lower() if isinstance(node, Token) else ""


def read_name(nodes: Sequence[Node], start: int) -> tuple[list[str], int]:
    """A possibly qualified name and the index behind it; no parts where there is none."""
    parts: list[str] = []
    index = start
    while index < len(nodes) and nodes[index].kind in {"word", "quoted"}:
        parts.append(identifier(nodes[index]))
        index += 1
        if index < len(nodes) and is_mark(nodes[index], "."):
            index += 1
        else:
            break
    return parts, index


def quote_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """A string literal that does not depend on the session's treatment of backslashes."""
    doubled = text.replace("'", "''")
    return "E'" + doubled.replace("\\", "\\\\") + "'" if "\\" in text else f"'{doubled}'"


def at(nodes: Sequence[Node], index: int) -> Node | None:
    """The node at a place; None outside of the list."""
    return nodes[index] if 0 <= index < len(nodes) else None


def at_up(nodes: Sequence[Node], index: int) -> str:
    """The word at a place in capitals; empty where there is none."""
    node = at(nodes, index)
    return node.up if node is not None else ""
