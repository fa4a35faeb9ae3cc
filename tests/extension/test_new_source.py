"""A new source is one contract, and the SQL of its merge where it feeds the model: nothing has to be listed anywhere.

Tried for real: in a copy of the repository the three files of ``returns`` are added and ``make generate``'s command is
run; then a stack of that copy loads two days through the whole DAG. No Python of the copy is touched.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# The fixture is the first test's: a stack, two loads, an erasure and its reload.
pytestmark = pytest.mark.timeout(3600)

REPO = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
DAYS = ("2026-01-01", "2026-01-02")
RETURNS = "return_id,order_item_id,customer_id,contact_email,returned_at,quantity,refund_amount,reason\n"
# The customer's key is 1: it is a quantity, an amount and part of every other value as well.
FILES = {
    ("orders", 0): "order_id,customer_id,order_date,order_status\nO1,1,2026-01-01 09:00:00,delivered\n",
    (
        "order_items",
        0,
    ): "order_item_id,order_id,product_id,quantity,unit_price\nI1,O1,P1,3,10\nI2,O1,P2,1,99.5\n",
    ("returns", 0): RETURNS + "R1,I1,1,asha@x.example,2026-01-01 18:00:00,1,10,damaged\n"
    "R2,I2,1,asha@x.example,2026-01-01 19:00:00,0,1,unwanted\n"  # quarantined: less than one unit
    "R3,I2,11,ravi@x.example,2026-01-01 20:00:00,1,99.5,ate it\n",
    ("orders", 1): "order_id,customer_id,order_date,order_status\n",
    ("order_items", 1): "order_item_id,order_id,product_id,quantity,unit_price\n",
    # The next day corrects R1.
    ("returns", 1): RETURNS + "R1,I1,1,asha@x.example,2026-01-01 18:00:00,2,20,damaged\n",
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with the source ``returns`` added."""
    copy = tmp_path_factory.mktemp("copy") / "repo"
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPO, check=True, capture_output=True
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPO / name, target)
    (copy / ".venv").symlink_to((REPO / ".venv").resolve())
    shutil.copy(HERE / "returns.yaml", copy / "include" / "sources")
    shutil.copytree(HERE / "fact_returns", copy / "include" / "sql" / "facts" / "fact_returns")
    subprocess.run(
        [copy / ".venv" / "airflow" / "bin" / "python", "-m", "tools.generate"],
        cwd=copy,
        check=True,
        env={**os.environ, "PYTHONPATH": str(copy / "plugins")},
    )
    return copy


@pytest.fixture(scope="module")
def found(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What two days left."""
    raw = tmp_path_factory.mktemp("raw")
    for (source, number), text in FILES.items():
        path = raw / source / f"dt={DAYS[number]}" / f"{source}.csv"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    home = tmp_path_factory.mktemp("stack") / "home"
    with subprocess.Popen(
        [sys.executable, "tests/extension/drive.py", str(home), str(raw), *DAYS],
        cwd=copy,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("DWH_LOCAL_")},
    ) as drive:
        try:
            output, errors = drive.communicate()
        except BaseException:
            drive.terminate()
            drive.communicate()  # it takes its stack down, and says so
            raise
    assert drive.returncode == 0, output[-4000:] + errors[-4000:]
    (line,) = [line for line in output.splitlines() if line.startswith("FOUND ")]
    return json.loads(line.removeprefix("FOUND "))  # type: ignore[no-any-return]


def test_only_its_contract_and_its_tables_folder_and_what_follows_from_them_are_new(copy: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPO, check=True, capture_output=True
    ).stdout.decode()
    old = {name: (REPO / name).read_bytes() for name in filter(None, listed.split("\0"))}
    changed = {name for name, content in old.items() if (copy / name).read_bytes() != content}
    generated = (
        "docs/",
        "include/generated/",
        "include/sql/erasure/",
    )
    assert all(name.startswith(generated) for name in changed), changed
    new = {
        path.relative_to(copy).as_posix()
        for folder in ("include", "dags", "plugins")
        for path in (copy / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    } - set(old)
    assert new == {
        "include/sources/returns.yaml",
        *(f"include/sql/facts/fact_returns/{name}" for name in ("columns.yaml", "merge.sql", "table.sql")),
        *(f"include/sql/staging/stg_returns/{name}" for name in ("columns.yaml", "copy.sql", "table.sql")),
        *(f"include/sql/history/returns/{name}" for name in ("columns.yaml", "table.sql")),
        "include/generated/dqdl/returns.dqdl",
    }


def test_the_dag_has_its_tasks_and_the_crawler_its_table(found: dict[str, Any]) -> None:
    order = found["tasks"]
    assert (
        order.index("merge_facts.fact_sales") < order.index("merge_facts.fact_returns") < order.index("audit")
    )
    assert "load_staging.copy_returns" in order
    assert "returns" in found["catalogue"]


def test_its_rows_are_processed_judged_and_counted(found: dict[str, Any]) -> None:
    assert found["ledger"] == [
        [DAYS[0], 3, 2, 0, 1, "110.5000", "109.5000"],
        [DAYS[1], 1, 1, 0, 0, "20.0000", "20.0000"],
    ]
    assert found["rules"] == [[DAYS[0], "reason_known", 1]]


def test_its_fact_holds_the_newest_version_with_the_keys_of_the_sale(found: dict[str, Any]) -> None:
    assert found["returns"] == [
        ["R1", 2, "20.0000", "damaged", "1", "P1"],
        ["R3", 1, "99.5000", "ate it", "1", "P2"],
    ]
    assert (found["pending"], found["published"]) == (0, DAYS[1])


def test_its_customer_is_erased_by_its_columns(copy: Path, found: dict[str, Any]) -> None:
    """Named in no list: the contract says whose rows they are, lineage that the fact's column holds the key."""
    traces = (copy / "include/sql/erasure/erasure_traces.sql").read_text()
    assert "from facts.fact_returns as kept\n    inner join erased_person on kept.returned_by" in traces
    erased = found["erased"]
    (pseudonym,) = erased["pseudonyms"]
    assert erased["returns"] == [
        ["R1", pseudonym, 2, "20.0000", pseudonym],
        ["R3", "11", 1, "99.5000", pseudonym],
    ]
    assert erased["raw"] == {
        f"returns/dt={DAYS[0]}/returns.csv": RETURNS
        + f"R1,I1,{pseudonym},,2026-01-01 18:00:00,1,10,damaged\nR2,I2,{pseudonym},,2026-01-01 19:00:00,0,1,unwanted\n"
        "R3,I2,11,ravi@x.example,2026-01-01 20:00:00,1,99.5,ate it\n",
        f"returns/dt={DAYS[1]}/returns.csv": RETURNS + f"R1,I1,{pseudonym},,2026-01-01 18:00:00,2,20,damaged\n",
    }
    assert erased["ledger"] == found["ledger"]
    assert erased["left"] == [], "requests and what was known of the person"
