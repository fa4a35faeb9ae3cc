"""Works on a running warehouse with the code of the repository that this file lies in; prints what it found as JSON.

.venv/local/bin/python tests/extension/loaded.py <home> <Redshift port> <AWS port>  < actions.json

The warehouse was made and loaded by other code before. An action is a list:

- ``["sql", statements]``
- ``["bootstrap"]`` plans and applies what differs, as the DAG does
- ``["accept", [table, reason]]`` keeps the rows of a table that earlier code built
- ``["load", {"day": …, "<source>": [rows]}]``
- ``["query", statement]``: its rows are printed; ``["as analyst", statement]``: the same by a user with the role
  ``dwh_analyst`` only
- ``["check"]`` compares the whole warehouse with the reference model of the days that this process has loaded
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import closing
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[2]
PACKAGES = sorted((REPO / "packages").glob("*/src"))
TESTS = [REPO / "tests" / folder for folder in ("sql", "histories")]
sys.path[:0] = [str(path) for path in (REPO, REPO / "plugins", *TESTS, *PACKAGES)]

import psycopg  # noqa: E402
from comparing import check  # noqa: E402
from harness import ConnectionSession, Warehouse, apply_changes, psycopg_connect, redshift_connect  # noqa: E402
from test_views import rows_of  # noqa: E402

from ecommerce_dwh.changes import logic  # noqa: E402
from ecommerce_dwh.warehouse.sql_text import split_statements  # noqa: E402
from local import postgres  # noqa: E402
from local.config import LocalConfig  # noqa: E402
from local.product import load_settings  # noqa: E402

PASSWORD = "Analyst-1"


def act(warehouse: Warehouse, kind: str, given: Any = None) -> Any:
    """Do one action; returns the rows of a query."""
    if kind == "query":
        return [list(row.values()) for row in warehouse.client_rows(given)]
    if kind == "as analyst":
        return _as_analyst(warehouse, given)
    if kind == "load":
        day = date.fromisoformat(given["day"])
        warehouse.load(day, day, rows_of(given, day))
    elif kind == "check":
        (row,) = warehouse.rows("select published_day from quality.warehouse_state")
        check(warehouse, row["published_day"])
    elif kind == "accept":
        table, reason = given
        ConnectionSession(lambda: warehouse.session).transaction(lambda c: logic.accept(c, table, reason))
    elif kind == "bootstrap":
        apply_changes(ConnectionSession(lambda: warehouse.session))
    else:
        _execute(warehouse, given)
    return None


def _as_analyst(warehouse: Warehouse, statement: str) -> list[list[Any]]:
    _execute(warehouse, f"create user asha password '{PASSWORD}'; grant role dwh_analyst to asha")
    config = warehouse.config
    with closing(
        redshift_connect(config.redshift_port, "asha", PASSWORD, load_settings(os.environ).database)
    ) as session:
        return [list(row.values()) for row in warehouse.client_rows(statement, session)]


def _execute(warehouse: Warehouse, text: str) -> None:
    cursor = warehouse.session.cursor()
    for statement in split_statements(text):
        cursor.execute(statement)
    warehouse.session.commit()


def main(home: str, redshift_port: str, aws_port: str) -> None:
    config = LocalConfig(home=Path(home), redshift_port=int(redshift_port), aws_port=int(aws_port))
    database = load_settings(os.environ).database
    login = (config.redshift_port, config.redshift_user, config.redshift_password, database)
    with psycopg.connect(postgres.url(config, database), autocommit=True) as admin:
        warehouse = Warehouse(
            partial(redshift_connect, *login), partial(psycopg_connect, *login), admin, config
        )
        found = [act(warehouse, *action) for action in json.load(sys.stdin)]
        warehouse.close()
    print("FOUND " + json.dumps([rows for rows in found if rows is not None], default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
