"""CREATE PROCEDURE and CREATE FUNCTION."""

from __future__ import annotations

from collections.abc import Sequence

from redshift_local.plan import Plan, not_in_redshift, not_served
from redshift_local.queries import rewrite
from redshift_local.tokens import Group, Node, Token, find, identifier, render, statements, walk


def create_routine(nodes: Sequence[Node]) -> Plan:
    """``CREATE PROCEDURE`` and SQL functions; the body is rewritten as well."""
    words = [node.up for node in nodes]
    what = "PROCEDURE" if "PROCEDURE" in words[:4] else "FUNCTION"
    language = find(nodes, "LANGUAGE")
    named = identifier(nodes[language + 1]) if language > 0 else ""
    allowed = {"plpgsql"} if what == "PROCEDURE" else {"sql"}
    if named.startswith("plpython"):
        raise not_in_redshift("A Python function", "creation ended in November 2025")
    if named not in allowed:
        raise not_in_redshift(f"CREATE {what} in the language {named or 'that is missing'}")
    if "NONATOMIC" in words:
        raise not_served("A NONATOMIC procedure")
    out: list[str] = []
    for node in nodes:
        if isinstance(node, Token) and node.kind == "dollar":
            tag = node.text[: node.text.index("$", 1) + 1]
            body = node.text[len(tag) : -len(tag)]
            out.append(f"{node.pre}{tag}{_body(body, named)}{tag}")
        elif isinstance(node, Group):
            out.append(Group(node.open, rewrite(node.children), node.pre, node.close_pre).render())
        else:
            out.append(node.render())
    return Plan("DDL", "".join(out).strip())


_NOT_IN_ROUTINES = ("TRUNCATE", "COPY", "UNLOAD", "COMMIT", "ROLLBACK", "MERGE", "LOCK")
_OPENING = {"BEGIN", "IF", "LOOP", "CASE"}


def _body(body: str, language: str) -> str:
    """A routine's body, statement by statement."""
    texts = []
    handler = _Handler()
    for statement in statements(body):
        words = {token.up for token in statement if isinstance(token, Token)}
        for word in _NOT_IN_ROUTINES:
            if word in words:
                raise not_served(f"{word} in a procedure")
        if "CREATE" in words and "TABLE" in words:
            raise not_served("CREATE TABLE in a procedure")
        rewritten = render(rewrite(statement))
        texts.append(f"\nraise;{rewritten}" if handler.ends(statement) else rewritten)
    joined = ";".join(texts)
    return joined + (";\n" if language == "plpgsql" else "\n")


class _Handler:
    """Follows a body into its EXCEPTION blocks, whose error Redshift raises again when they end.

    https://docs.aws.amazon.com/redshift/latest/dg/stored-procedure-trapping-errors.html
    """

    def __init__(self) -> None:
        self._depth = -1

    def ends(self, statement: list[Node]) -> bool:
        """Whether a handler ends with this statement, whose first word is END then."""
        ended = False
        previous = ""
        for token in walk(statement):
            word = token.up
            if word == "EXCEPTION" and self._depth < 0 and previous != "RAISE":
                self._depth = 0
            elif self._depth >= 0:
                if word in {"INSERT", "UPDATE", "DELETE", "EXECUTE", "CALL"}:
                    # its transaction is committed there, and would go with the error here
                    raise not_served(f"{word} in an exception handler")
                if word in _OPENING and previous != "END":
                    self._depth += 1
                elif word == "END":
                    self._depth -= 1
                    ended = ended or self._depth < 0
            previous = word
        return ended
