"""CREATE PROCEDURE and CREATE FUNCTION."""

from __future__ import annotations

from collections.abc import Sequence

from redshift_local.plan import Plan, not_in_redshift, not_served
from redshift_local.queries import rewrite
from redshift_local.tokens import Group, Node, Token, find, identifier, render, statements


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


def _body(body: str, language: str) -> str:
    """A routine's body, statement by statement."""
    texts = []
    for statement in statements(body):
        words = {token.up for token in statement if isinstance(token, Token)}
        for word in ("TRUNCATE", "COPY", "UNLOAD", "COMMIT", "ROLLBACK", "MERGE", "LOCK"):
            if word in words:
                raise not_served(f"{word} in a procedure")
        if "CREATE" in words and "TABLE" in words:
            raise not_served("CREATE TABLE in a procedure")
        texts.append(render(rewrite(statement)))
    joined = ";".join(texts)
    return joined + (";\n" if language == "plpgsql" else "\n")
