"""No input ends a session: statements with words left out, doubled, exchanged and put in are answered, each of them."""

from __future__ import annotations

import random
import re
from pathlib import Path

import psycopg
import yaml
from test_redshift_sessions import psycopg_url

from redshift_local.dialect import to_postgres
from redshift_local.testing import RunningEndpoint

PURE, LIVE = 30_000, 1_500
CASES = yaml.safe_load((Path(__file__).parent / "cases.yaml").read_text())
STATEMENTS = sorted({text for case in CASES for text in (*case.get("setup", ()), case["sql"])})
WORDS = re.compile(r"\s+|[A-Za-z_#][A-Za-z0-9_]*|\d+|'[^']*'|::|.", re.DOTALL)
FURTHER = [
    *(
        "select",
        "from",
        "(",
        ")",
        "[",
        "]",
        ",",
        ";",
        "as",
        "'",
        '"',
        "$$",
        "over",
        "within group",
        "case",
        "end",
        "by",
    ),
    *(
        "prepare",
        "merge",
        "when",
        "then",
        "char(64 x)",
        "numeric(x)",
        "qualify",
        "top",
        "copy",
        "alter table",
        "using",
    ),
    *(
        "distkey",
        "sortkey",
        "identity",
        "interval",
        "null",
        "*",
        ".",
        "::",
        "--",
        "/*",
        "\\",
        "\x00",
        "é",
        "99999999999999999999",
    ),
]
# What would end this session or wait for somebody, rightly.
ENDS = re.compile(r"terminate|cancel|lock|shutdown|sleep|password|reassign", re.IGNORECASE)


def mutated(choice: random.Random) -> str:
    words = WORDS.findall(choice.choice(STATEMENTS))
    for _ in range(choice.randint(1, 4)):
        place = choice.randrange(len(words) + 1)
        kind = choice.randrange(5)
        if kind == 0 and words:
            del words[place % len(words) : place % len(words) + choice.randint(1, 4)]
        elif kind == 1 and words:
            words.insert(place, choice.choice(words))
        elif kind == 2:
            words[place:place] = [" ", choice.choice(FURTHER), " "]
        elif kind == 3:
            words = words[:place]
        else:
            words[place:] = [" ", *WORDS.findall(choice.choice(STATEMENTS))]
    return "".join(words)


def test_each_mutated_statement_has_a_plan() -> None:
    choice = random.Random(22)
    for _ in range(PURE):
        text = mutated(choice)
        for plan in to_postgres(text):
            assert plan.refused is not None or plan.sql or plan.special, text


def test_brackets_without_end_have_a_plan() -> None:
    for text in (
        "(" * 5000,
        "select " + "(" * 5000 + "1" + ")" * 5000,
        "select " + "abs(" * 3000 + "1" + ")" * 3000,
    ):
        assert all(plan.refused for plan in to_postgres(text))


def test_no_mutated_statement_ends_the_session(endpoint: RunningEndpoint) -> None:
    choice = random.Random(2022)
    with psycopg.connect(psycopg_url(endpoint), autocommit=True) as connection:
        pid = connection.info.backend_pid
        connection.execute("set statement_timeout to 2000")
        connection.execute("create schema mutations")
        for number in range(LIVE):
            connection.execute("set search_path to mutations")
            text = mutated(choice)
            if ENDS.search(text) or "\x00" in text:
                continue
            try:
                connection.execute(text, prepare=number % 2 == 0)
            except psycopg.Error as error:
                assert not connection.closed, (text, error)
                assert error.sqlstate != "XX000" or "internal" not in str(error), (text, error)
            if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                connection.execute("rollback")
        assert connection.execute("select pg_backend_pid()").fetchone() == (pid,)
        connection.execute("drop schema mutations cascade")
