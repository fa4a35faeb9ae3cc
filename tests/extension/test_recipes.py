"""The four recipes of CONTRIBUTING.md, followed in a copy of the repository on a warehouse that is loaded already.

The unchanged code makes and loads the warehouse. The recipe's files are changed in the copy, its SQL is run as the page
quotes it, and the changed code goes on with the same warehouse. The files that a test changes must be those that the
recipe lists, so the page cannot forget one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from harness import Warehouse
from serving import running_warehouse
from test_views import rows_of

REPO = Path(__file__).resolve().parents[2]
PAGE = (REPO / "CONTRIBUTING.md").read_text("utf-8")
DAY, NEXT = "2026-01-01", "2026-01-02"


def _order(number: int, day: str, price: float, event: dict[str, Any]) -> dict[str, Any]:
    return {
        "day": day,
        "orders": [
            {
                "order_id": f"O{number}",
                "customer_id": "C1",
                "order_date": f"{day} 09:00",
                "order_status": "delivered",
            }
        ],
        "order_items": [
            {
                "order_item_id": f"I{number}",
                "order_id": f"O{number}",
                "product_id": "P1",
                "quantity": 2,
                "unit_price": price,
            }
        ],
        "web_events": [
            {
                "event_id": f"E{number}",
                "session_id": "S1",
                "event_type": "page_view",
                "event_timestamp": f"{day} 08:00",
            }
            | event
        ],
    }


FIRST, SECOND = _order(1, DAY, 10, {}), _order(2, NEXT, 20.5, {})


class Copy:
    """A copy of the repository.

    Attributes:
        root: its folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPO, check=True, capture_output=True).stdout
        self.before: dict[str, bytes] = {}
        for name in filter(None, listed.decode().split("\0")):
            if (source := REPO / name).is_file():
                target = root / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
                self.before[name] = source.read_bytes()
        (root / ".venv").symlink_to((REPO / ".venv").resolve())

    def run(
        self, environment: str, *arguments: str, given: str = "", code: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run a Python of the copy; ``code`` None leaves the exit code to the caller."""
        done = subprocess.run(
            [str(self.root / ".venv" / environment / "bin" / "python"), *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root / "plugins")},
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        assert code is None or done.returncode == code, done.stdout[-4000:] + done.stderr[-4000:]
        return done

    def generate(self) -> None:
        """``make generate``."""
        self.run("airflow", "-m", "tools.generate")

    def pytest(self, environment: str, *arguments: str, code: int = 0) -> str:
        """Run tests of the copy; returns what they printed."""
        return self.run(
            environment, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, code=code
        ).stdout

    def edit(self, name: str, before: str, after: str) -> None:
        """Replace the one occurrence of a text."""
        path = self.root / name
        text = path.read_text("utf-8")
        assert text.count(before) == 1, f"{name} has {text.count(before)} times {before!r}"
        path.write_text(text.replace(before, after), "utf-8")

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text, "utf-8")

    def changed(self) -> set[str]:
        """Files that were added or changed so far."""
        folders = ("changelog.d", "dags", "docs", "include", "plugins", "tests", "tools")
        now = {
            path.relative_to(self.root).as_posix(): path
            for folder in folders
            for path in (self.root / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        return {name for name, path in now.items() if self.before.get(name) != path.read_bytes()}

    def open_points(self) -> str:
        """What is left of the stubs; empty when all are filled."""
        done = self.run("dev", "-m", "tools.stubs", code=None)
        assert done.returncode == (1 if done.stderr else 0)
        return done.stderr

    def on(self, warehouse: Warehouse, *actions: list[Any]) -> list[list[list[Any]]]:
        """Do actions of `loaded` with the copy's code; returns the rows of each query."""
        config = warehouse.config
        done = self.run(
            "local",
            "tests/extension/loaded.py",
            str(config.home),
            str(config.redshift_port),
            str(config.aws_port),
            given=json.dumps(actions),
        )
        (line,) = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
        return json.loads(line.removeprefix("FOUND "))  # type: ignore[no-any-return]


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path / "repo")


@pytest.fixture
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """Made by the code as it is, with two days in it."""
    with running_warehouse(tmp_path_factory.mktemp("warehouse")) as running:
        for run in (FIRST, SECOND):
            day = date.fromisoformat(run["day"])
            running.load(day, day, rows_of(run, day))
        for session in (running._session, running._quick):
            if session is not None:
                session.close()
        running._session = running._quick = None
        yield running


def section(title: str) -> str:
    """A recipe of the page."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"CONTRIBUTING.md has no section {title!r}"
    return found[1]


def listed(title: str) -> set[str]:
    """The files that a recipe lists."""
    return set(re.findall(r"^\| `([^`]+)` \|", section(title), re.MULTILINE))


def test_a_column(copy: Copy, warehouse: Warehouse) -> None:
    fact, column = "include/sql/facts/fact_web_events", "operating_system"
    copy.edit(
        "include/sources/web_events.yaml",
        "    quality:\n",
        f"      - name: {column}\n        logicalType: string\n        physicalType: varchar(64)\n"
        "        description: Operating system of the device\n    quality:\n",
    )
    copy.edit(
        f"{fact}/table.sql",
        "    browser varchar(128),\n",
        f"    browser varchar(128),\n    {column} varchar(64),\n",
    )
    copy.edit(
        f"{fact}/columns.yaml",
        "  browser: {source: web_events}\n",
        f"  browser: {{source: web_events}}\n  {column}: {{source: web_events}}\n",
    )
    merge = (copy.root / fact / "merge.sql").read_text("utf-8")
    beside = re.sub(r"^( +)(\w+\.)?browser(,?)$", rf"\1\2browser,\n\1\2{column}\3", merge, flags=re.MULTILINE)
    assert beside.count(column) == len(re.findall(r"\bbrowser\b", merge)), "through every select and the insert"
    copy.write(f"{fact}/merge.sql", beside)
    copy.edit(
        "tests/histories/model.py",
        '            "browser",\n        )\n',
        f'            "browser",\n            "{column}",\n        )\n',
    )
    copy.write(
        "changelog.d/operating-system.bootstrap.md", "The operating system of web events. Run the bootstrap.\n"
    )
    assert copy.changed() == listed("A column")
    copy.generate()

    shown = ["query", f"select event_id, {column} from facts.fact_web_events order by 1"]
    before, backfilled = copy.on(
        warehouse,
        ["bootstrap"],
        ["accept", ["facts.fact_web_events", f"rows loaded before have no {column}"]],
        ["load", _order(2, NEXT, 20.5, {column: "Android"})],
        shown,
        ["load", _order(1, DAY, 10, {column: "iOS"})],
        shown,
        ["check"],
    )
    assert before == [["E1", None], ["E2", "Android"]]
    assert backfilled == [["E1", "iOS"], ["E2", "Android"]]


def test_a_source(copy: Copy, warehouse: Warehouse) -> None:
    copy.run("dev", "-m", "tools.new_source", "gift_cards")
    copy.generate()
    for name in listed("A source") - {"tests/sql/harness.py"}:
        assert f"to be written: {name}:" in copy.open_points()
    stub = "tests/sql/test_source_gift_cards.py"
    assert "FILL: load rows with every column of gift_cards" in copy.pytest(
        "local", stub, "-k", "other", code=1
    )

    fact = "include/sql/facts/fact_gift_cards"
    _fill_gift_cards(copy, fact)
    copy.edit(
        "tests/sql/harness.py",
        '    "facts/fact_inventory/merge.sql",\n',
        '    "facts/fact_inventory/merge.sql",\n    "facts/fact_gift_cards/merge.sql",\n',
    )
    assert copy.open_points() == ""
    assert listed("A source") <= copy.changed()
    copy.generate()
    assert copy.open_points() == ""
    copy.pytest("local", stub)

    cards = [{"gift_card_id": "G1", "happened_at": f"{NEXT} 10:00", "amount": 50}]
    shown = "select gift_card_id, amount from facts.fact_gift_cards order by 1"
    (found,) = copy.on(
        warehouse,
        ["bootstrap"],
        ["load", FIRST],
        ["load", SECOND | {"gift_cards": cards}],
        ["query", shown],
        ["check"],
    )
    assert found == [["G1", "50.0000"]]


def _fill_gift_cards(copy: Copy, fact: str) -> None:
    contract = "include/sources/gift_cards.yaml"
    copy.edit(contract, "FILL: one sentence, what a row of gift_cards is.", "One gift card that was sold.")
    copy.edit(contract, " # FILL: required, if a day without a file must fail", "")
    copy.edit(
        contract,
        "      # FILL: the other columns, and `tags: [pii]` where a value is about a person (docs/contracts.md)\n",
        "      - name: amount\n        logicalType: number\n        physicalType: decimal(18,4)\n"
        "        required: true\n        description: Value of the card\n",
    )
    copy.edit(contract, "FILL: which instant, UTC", "When it was sold, UTC")
    copy.edit(contract, "      # FILL: the rules that the rows must pass\n", "")
    copy.edit(
        f"{fact}/table.sql",
        "FILL: the reason for distribution and sort key: which join and which filter they serve.",
        "Distributed by what a merge looks for, sorted by what reports filter.",
    )
    copy.edit(
        f"{fact}/table.sql",
        "timestamp not null,\n",
        "timestamp not null,\n    amount decimal(18, 4) not null,\n",
    )
    copy.edit(f"{fact}/columns.yaml", "FILL: what one row of fact_gift_cards is.", "One gift card.")
    copy.edit(
        f"{fact}/columns.yaml",
        '"FILL: which instant, UTC"\n',
        "when it was sold, UTC\n  amount: {source: gift_cards}\n",
    )
    copy.edit(
        f"{fact}/merge.sql",
        "FILL: what the table holds, and where its columns come from. `-- after: fact_sales` names the facts that come "
        "before.",
        "Rebuilds the pending gift cards.",
    )
    copy.edit(f"{fact}/merge.sql", "(gift_card_id, happened_at)\n", "(gift_card_id, happened_at, amount)\n")
    copy.edit(f"{fact}/merge.sql", "    newest.happened_at\n", "    newest.happened_at,\n    newest.amount\n")
    test = "tests/sql/test_source_gift_cards.py"
    text = (copy.root / test).read_text("utf-8")
    text = text[: text.index("def test_the_other_columns")].rstrip("\n") + "\n"
    text = text.replace("9)}", '9), "amount": Decimal(50)}').replace(
        "found == [corrected]", "found == [{k: corrected[k] for k in found[0]}]"
    )
    text = text.replace(
        "from datetime import date, datetime\n",
        "from datetime import date, datetime\nfrom decimal import Decimal\n",
    )
    copy.write(
        test,
        text.replace("select gift_card_id, happened_at from", "select gift_card_id, happened_at, amount from"),
    )
    fragment = "changelog.d/gift-cards.bootstrap.md"
    copy.edit(fragment, "FILL: one sentence, what the source `gift_cards` brings.", "Gift cards.")


def test_a_metric(copy: Copy, warehouse: Warehouse) -> None:
    copy.run("dev", "-m", "tools.new_metric", "daily_revenue")
    copy.generate()
    points = copy.open_points()
    by_hand = {"tests/sql/harness.py", "tests/histories/model.py", "plugins/ecommerce_dwh/publishing/assets.py"}
    assert all(f"to be written: {name}:" in points for name in listed("A metric") - by_hand)

    view = "include/sql/analytics/daily_revenue/view.sql"
    text = (copy.root / view).read_text("utf-8")
    copy.write(view, "-- Revenue of each day. Grain: order date.\n" + text.partition("\n")[2])
    copy.edit("docs/metrics.md", "one row per FILL: what a row is", "one row per day with an order")
    copy.edit(
        "docs/metrics.md", "| order_date | FILL: day of the orders |", "| order_date | day of the orders |"
    )
    copy.edit("docs/metrics.md", "FILL: Σ line_total", "Σ line_total")
    page = "docs/analytics/index.md"
    copy.edit(page, "FILL: the question that the view answers.", "how much each day brought.")
    copy.edit(page, "FILL: its most important columns.", "total_revenue.")
    copy.edit(page, "FILL: how to filter, and what not to add up.", "filter by order_date.")
    case = "tests/sql/views/daily_revenue.yaml"
    copy.edit(case, '"FILL: which definition this case pins down."', "Revenue is quantity times price.")
    copy.edit(case, "# FILL: the rows that the view must show of these runs, figures worked out by hand\n", "")
    assert "-1" in (copy.root / case).read_text()  # the stub expects what no view shows
    copy.edit(case, "total_revenue: -1", "total_revenue: 20")
    copy.edit(
        "changelog.d/daily-revenue.bootstrap.md",
        "FILL: one sentence, what `analytics.daily_revenue` shows.",
        "Revenue by day.",
    )
    copy.edit("tests/sql/harness.py", '    "sales_funnel",\n', '    "sales_funnel",\n    "daily_revenue",\n')
    copy.edit(
        "tests/histories/model.py",
        "    def sales_funnel(self) -> list[Row]:\n",
        "    def daily_revenue(self) -> list[Row]:\n        days = {line['order_date'] for line in self.revenue}\n"
        "        lines = {day: [line for line in self.revenue if line['order_date'] == day] for day in days}\n"
        "        return [{'order_date': day, 'total_revenue': total(lines[day])} for day in days]\n\n"
        "    def sales_funnel(self) -> list[Row]:\n",
    )
    copy.edit(
        "plugins/ecommerce_dwh/publishing/assets.py",
        '    "sales_funnel",\n',
        '    "sales_funnel",\n    "daily_revenue",\n',
    )
    assert copy.open_points() == ""
    assert listed("A metric") <= copy.changed()
    copy.generate()
    copy.pytest("local", "tests/sql/test_views.py")

    at_once, after = copy.on(
        warehouse,
        ["bootstrap"],
        ["as analyst", "select * from analytics.daily_revenue order by 1"],
        ["load", FIRST],
        ["load", SECOND],
        ["query", "select * from analytics.daily_revenue order by 1"],
        ["check"],
    )
    assert at_once == after == [[DAY, "20.0000"], [NEXT, "41.0000"]]


RULE = """
      - name: shipping_within_total
        type: custom
        engine: ecommerce-dwh
        dimension: consistency
        severity: warning
        description: Shipping is at most the amount to pay
        implementation:
          kind: expression
          columns: [shipping_cost, total_amount]
          expression: "shipping_cost <= total_amount"
"""
JUDGED = """
from __future__ import annotations


def test_the_rule_of_the_recipe_judges_the_next_day(new_lake):
    lake = new_lake()
    header = "order_id,order_date,order_status,shipping_cost,total_amount\\n"
    rows = "O1,2026-01-01 09:00:00,delivered,5,4\\nO2,2026-01-01 09:00:00,delivered,1,4\\n"
    lake.put("orders", "2026-01-01", (header + rows).encode())
    lake.declare_empty("2026-01-01", "2026-01-01")
    lake.process("2026-01-01")
    (table,) = [table for table in lake.assess("2026-01-01")["tables"] if table["source"] == "orders"]
    (rule,) = [rule for rule in table["rules"] if rule["rule"] == "shipping_within_total"]
    assert (rule["rows_checked"], rule["rows_failed"], rule["passed"]) == (2, 1, False)
"""


def test_a_rule(copy: Copy, warehouse: Warehouse) -> None:
    copy.edit("include/sources/orders.yaml", "    quality:\n", "    quality:" + RULE)
    copy.write("changelog.d/shipping-within-total.changed.md", "A warning for shipping above the total.\n")
    assert copy.changed() == listed("A rule")
    copy.generate()
    assert "shipping_cost <= total_amount" in (copy.root / "include/generated/dqdl/orders.dqdl").read_text()

    copy.write("tests/glue/test_recipe.py", JUDGED)
    copy.pytest("spark", "tests/glue/test_recipe.py")
    copy.on(warehouse, ["load", FIRST], ["load", SECOND], ["check"])
