"""Asks a Redshift what the local endpoint takes for granted, and writes the answers down.

    make conformance                                                   asks a local endpoint, which it starts
    make conformance ARGS="--host H --user U --database D --password-env REDSHIFT_PASSWORD"   asks a cluster

Each probe is a query over constants and temporary tables, in a transaction that is rolled back: nothing of the database
is read or left behind. Answers of a cluster go to ``tests/sql/redshift_answers.json``; from then on the local endpoint
is tested against them. A probe whose answer the guide states is compared with it here.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
ANSWERS = REPO / "tests" / "sql" / "redshift_answers.json"
GUIDE = "https://docs.aws.amazon.com/redshift/latest/dg/"
ERROR = "error"


@dataclass(frozen=True)
class Probe:
    """One question.

    Attributes:
        name: what it asks.
        sql: statements; the last one's rows are the answer.
        page: the guide's page that speaks of it.
        stated: the answer, where the page states it; ``ERROR`` for a refusal.
    """

    name: str
    sql: tuple[str, ...]
    page: str
    stated: Any = None


def _one(name: str, sql: str, page: str, stated: Any = None) -> Probe:
    return Probe(name, (sql,), page, stated)


PROBES = (
    _one("integer division", "select 7 / 2, -7 / 2", "r_OPERATOR_SYMBOLS", [["3", "-3"]]),
    _one("remainder of a negative number", "select mod(-7, 3)", "r_MOD", [["-1"]]),
    _one(
        "exact remainder of decimals",
        "select mod(cast(7.5 as decimal(38, 0)), cast(4 as decimal(38, 0)))",
        "r_MOD",
    ),
    _one("average of integers", "select avg(n) from (select 1 as n union all select 2) as t", "r_AVG"),
    _one(
        "scale of a narrow quotient",
        "select cast(1 as decimal(8, 2)) / cast(3 as decimal(8, 2))",
        "r_numeric_computations201",
    ),
    _one(
        "scale of a wide quotient",
        "select cast(1 as decimal(38, 4)) / cast(3 as decimal(38, 4))",
        "r_numeric_computations201",
    ),
    _one(
        "scale of a product",
        "select cast(1.1 as decimal(5, 2)) * cast(2.2 as decimal(6, 3))",
        "r_numeric_computations201",
    ),
    _one(
        "half away from zero",
        "select round(cast(2.345 as decimal(9, 3)), 2), round(cast(-2.345 as decimal(9, 3)), 2)",
        "r_ROUND",
    ),
    _one(
        "cast to a smaller scale",
        "select cast(cast(2.345 as decimal(9, 3)) as decimal(9, 2))",
        "r_Numeric_types201",
    ),
    _one("decimal without precision", "select cast(2.5 as decimal)", "r_Numeric_types201"),
    _one(
        "COALESCE of decimals",
        "select coalesce(cast(null as decimal(38, 4)), cast(1 as decimal(38, 4)))",
        "r_numeric_computations201",
    ),
    _one("overflow", "select cast(99999 as decimal(5, 2))", "r_numeric_computations201", ERROR),
    _one("text longer than its column", "select cast('abcdef' as varchar(3))", "r_CAST_function", [["abc"]]),
    Probe(
        "bytes of a text",
        ("create temp table t (a varchar(2))", "insert into t (a) values ('é€')", "select a from t"),
        "r_Character_types",
        ERROR,
    ),
    Probe(
        "blanks of CHAR",
        ("create temp table t (a char(5))", "insert into t (a) values ('a')", "select len(a), a || '.' from t"),
        "r_Character_types",
    ),
    _one(
        "boundaries of months",
        "select datediff(month, '2024-01-31', '2024-02-01')",
        "r_DATEDIFF_function",
        [["1"]],
    ),
    _one("end of a short month", "select dateadd(month, 1, cast('2008-01-31' as date))", "r_DATEADD_function"),
    _one("year 9999", "select cast('9999-12-31 23:59:59.999999' as timestamp)", "r_Datetime_types"),
    _one("week of a Sunday", "select date_trunc('week', cast('2026-02-01' as timestamp))", "r_DATE_TRUNC"),
    _one(
        "microseconds as text",
        "select to_char(cast('2026-01-02 03:04:05.000006' as timestamp), 'YYYY-MM-DD HH24:MI:SS.US')",
        "r_TO_CHAR",
    ),
    _one(
        "first hexadecimal digits",
        "select strtol(left(md5('C1|1900-01-01 00:00:00.000000'), 15), 16)",
        "r_STRTOL",
    ),
    _one(
        "nulls in order",
        "select n from (select 1 as n union all select null) as t order by n",
        "r_ORDER_BY_clause",
        [["1"], [None]],
    ),
    _one("empty text is no null", "select '' is null", "r_Nulls", [["False"]]),
    _one(
        "fifths of seven",
        "select n, ntile(5) over (order by n) from (select 1 as n union all select 2 union all select 3 "
        "union all select 4 union all select 5 union all select 6 union all select 7) as t order by n",
        "r_WF_NTILE",
    ),
    _one("time zone of a session", "show timezone", "r_timezone_config"),
    _one("isolation", "select isolation_level from stv_db_isolation_level", "r_STV_DB_ISOLATION_LEVEL"),
    Probe(
        "LOCK after a query",
        ("select 1", "create temp table t (a int)", "lock table t", "select 1"),
        "r_LOCK",
        [["1"]],
    ),
    _one("IS DISTINCT FROM", "select 1 is distinct from 2", "c_unsupported-postgresql-features", ERROR),
    _one(
        "FILTER of an aggregate",
        "select count(*) filter (where true)",
        "c_unsupported-postgresql-features",
        ERROR,
    ),
    _one("string_agg", "select string_agg('a', ',')", "c_unsupported-postgresql-functions", ERROR),
    Probe(
        "index",
        ("create temp table t (a int)", "create index i on t (a)"),
        "c_unsupported-postgresql-features",
        ERROR,
    ),
    Probe(
        "a key is not enforced",
        (
            "create temp table t (a int, primary key (a))",
            "insert into t (a) values (1), (1)",
            "select count(*) from t",
        ),
        "t_Defining_constraints",
        [["2"]],
    ),
)


def ask(connection: Any, probe: Probe) -> Any:
    """The rows of a probe as text, or ``{"error": SQLSTATE, "message": …}``; the transaction is rolled back."""
    cursor = connection.cursor()
    try:
        for statement in probe.sql:
            cursor.execute(statement)
        rows = cursor.fetchall() if cursor.description else []
        return [[None if value is None else str(value) for value in row] for row in rows]
    except Exception as error:
        fields = error.args[0] if error.args and isinstance(error.args[0], dict) else {"M": str(error)}
        return {ERROR: fields.get("C", ""), "message": fields.get("M", "")}
    finally:
        connection.rollback()


def differs(probe: Probe, answer: Any) -> bool:
    """Whether an answer is not what the guide states."""
    if probe.stated is None:
        return False
    refused = isinstance(answer, dict)
    return not refused if probe.stated == ERROR else answer != probe.stated


def compare(connect: Callable[[], Any], known: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """All answers, and a line for each that is not the guide's or not the known one."""
    answers, lines = {}, []
    connection = connect()
    for probe in PROBES:
        answer = answers[probe.name] = ask(connection, probe)
        if differs(probe, answer):
            lines.append(f"{probe.name}: {answer}; {GUIDE}{probe.page}.html states {probe.stated}")
        if probe.name in known and known[probe.name] != answer:
            lines.append(f"{probe.name}: {answer}; the other one answers {known[probe.name]}")
    connection.close()
    return answers, lines


@contextmanager
def _local() -> Iterator[dict[str, Any]]:
    from redshift_local.testing import running  # only where no cluster is asked

    with tempfile.TemporaryDirectory(prefix="dwh-conformance-") as folder, running(Path(folder)) as endpoint:
        yield endpoint.connection()


def main(arguments: list[str] | None = None) -> int:
    """Command line; 1 when an answer is not what the guide states, or not the local endpoint's."""
    import redshift_connector

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--host", help="a cluster's or workgroup's endpoint; without it a local endpoint is asked alone"
    )
    parser.add_argument("--port", type=int, default=5439)
    parser.add_argument("--database", default="dev")
    parser.add_argument("--user", default="awsuser")
    parser.add_argument(
        "--password-env", default="REDSHIFT_PASSWORD", help="environment variable with the password"
    )
    options = parser.parse_args(arguments)
    with _local() as local:
        answers, lines = compare(lambda: redshift_connector.connect(**local), {})
    print(f"local endpoint: {len(answers)} answers, {len(lines)} not as the guide states")
    if options.host:
        login = {"host": options.host, "port": options.port, "database": options.database, "user": options.user}
        password = os.environ.get(options.password_env, "")
        connect = lambda: redshift_connector.connect(**login, password=password, ssl=True)  # noqa: E731
        answers, lines = compare(connect, answers)
        ANSWERS.write_text(json.dumps(answers, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")
        print(
            f"{options.host}: {len(answers)} answers in {ANSWERS.relative_to(REPO)}, {len(lines)} differences"
        )
    print("\n".join(lines))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
