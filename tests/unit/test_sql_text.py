"""SQL texts: splitting never breaks a statement, guards and audits are recognised."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.warehouse.sql_text import (
    SqlTextError,
    first_line,
    leaves_transaction,
    parse_audit,
    split_statements,
    without_comments,
)

SQL_FILES = sorted(
    path for path in get_settings().sql_dir.rglob("*.sql") if path.parent.name not in ("macros", "ddl")
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" ; ;\n;", []),
        ("-- nothing but words; really", []),
        ("select 1", ["select 1"]),
        ("select 1;", ["select 1"]),
        ("select 1; select 2;", ["select 1", "select 2"]),
        ("select ';'; select 2", ["select ';'", "select 2"]),
        ("select 'it''s; fine'; select 2", ["select 'it''s; fine'", "select 2"]),
        ('select 1 as "a;b"; select 2', ['select 1 as "a;b"', "select 2"]),
        ("select 1 -- no; end\n, 2; select 3", ["select 1 -- no; end\n, 2", "select 3"]),
        ("/* a; /* b; */ c; */ select 1; select 2", ["/* a; /* b; */ c; */ select 1", "select 2"]),
        ("select 1; -- trailing words;", ["select 1"]),
        ("select 1; /* the end; */", ["select 1"]),
        (
            "create procedure p() as $$ begin a; b; end; $$ language plpgsql; select 1",
            ["create procedure p() as $$ begin a; b; end; $$ language plpgsql", "select 1"],
        ),
        ("select $tag$ ; $$ ; $tag$; select 2", ["select $tag$ ; $$ ; $tag$", "select 2"]),
        ("select a$b$c; select 2", ["select a$b$c", "select 2"]),
        ("select $1; select 2", ["select $1", "select 2"]),
        ("select '--'; select '/*'; select 3", ["select '--'", "select '/*'", "select 3"]),
        ("select 1 / 2; select 3 - -4; select 5", ["select 1 / 2", "select 3 - -4", "select 5"]),
        ("select 'a\\\\'; select 2", ["select 'a\\\\'", "select 2"]),
        ("select 1;\n-- about two\nselect 2;", ["select 1", "-- about two\nselect 2"]),
    ],
)
def test_statements_are_split_where_they_end(text, expected):
    assert split_statements(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("select 1;\nselect 'open", "line 2: the string"),
        ('select "open', "line 1: the quoted name"),
        ("select 1 /* open", "line 1: the comment"),
        ("select $$ open", "line 1: the body"),
        ("select\n'it\\'s'", "line 2"),
    ],
)
def test_what_cannot_be_split_with_certainty_is_refused_with_its_line(text, words):
    with pytest.raises(SqlTextError, match=words):
        split_statements(text)


_PIECES = st.sampled_from(
    [
        "select",
        " ",
        "\n",
        "1",
        "x",
        "'a;b'",
        "''",
        "'it''s'",
        '"c;d"',
        "-- e;f\n",
        "/* g;h */",
        "$$ i;j $$",
        "$q$ k;$$l $q$",
        "(",
        ")",
        ",",
        "%",
        "$1",
        "a$b",
        "/",
        "-",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(_PIECES, min_size=1, max_size=8), max_size=6))
def test_joining_statements_and_splitting_them_gives_them_back(statements):
    # Blanks between the pieces keep neighbours from forming other tokens (two dashes, for example).
    texts = [" ".join(pieces) for pieces in statements]
    with_code = [text.strip() for text in texts if without_comments(text)]

    found = split_statements(" ;\n".join(texts))

    assert [without_comments(text) for text in found] == [without_comments(text) for text in with_code]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=list("abc ;'\"-/*$\n\\"), max_size=40))
def test_splitting_loses_no_code_and_never_hangs(text):
    try:
        found = split_statements(text)
    except SqlTextError:
        return
    rest = text
    for statement in found:
        assert statement in rest
        rest = rest[rest.index(statement) + len(statement) :]
    assert all(without_comments(statement) for statement in found)


@pytest.mark.parametrize("file", SQL_FILES, ids=lambda file: str(file.relative_to(get_settings().sql_dir)))
def test_every_sql_file_of_the_product_splits(file):
    assert split_statements(file.read_text("utf-8"))


def test_the_first_line_is_code_and_short():
    assert first_line("-- words\n\n/* more */\ninsert into t\nselect 1") == "insert into t"
    assert len(first_line("select " + "x" * 500)) == 120


@pytest.mark.parametrize(
    ("statement", "command"),
    [
        ("truncate staging.a", "truncate"),
        ("-- why\nVACUUM facts.fact_sales", "vacuum"),
        ("alter table a append from b", "alter table a append"),
        ("commit", "commit"),
        ("begin", "begin"),
        ("delete from a", None),
        ("alter table a add column b int", None),
        ("select 'truncate'", None),
        ("endpoint_call()", None),
    ],
)
def test_commands_that_leave_a_transaction_are_known(statement, command):
    assert leaves_transaction(statement) == command


def test_an_audit_file_is_one_query_with_a_header():
    audit = parse_audit("a", "-- audit: sums agree\n-- severity: warn\nselect 1;\n-- end\n")

    assert (audit.name, audit.title, audit.severity) == ("a", "sums agree", "warn")
    assert without_comments(audit.query) == "select 1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-- severity: fail\nselect 1", "'-- audit: …'"),
        ("-- audit: a\nselect 1", "'-- severity: …'"),
        ("-- audit: a\n-- severity: bad\nselect 1", "'fail' or 'warn'"),
        ("-- audit: a\n-- severity: fail\nselect 1; select 2", "2 statements"),
        ("-- audit: a\n-- severity: fail\n", "0 statements"),
    ],
)
def test_an_incomplete_audit_file_is_refused(text, words):
    with pytest.raises(SqlTextError, match=words):
        parse_audit("a", text)


@pytest.mark.parametrize(
    "file", sorted(get_settings().sql_dir.rglob("audits/*.sql")), ids=lambda file: file.stem
)
def test_every_audit_of_the_product_has_its_header(file):
    parse_audit(file.stem, file.read_text("utf-8"))
