"""A shop that writes its dates its own way: quarantined as it comes, loaded once the contracts name the format."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from local.config import REPO, LocalConfig
from local.stack.ports import separate_config
from tests.e2e.support import LocalStack

# Of order_items.csv.gz, counted in plain Python: lines, different keys, sum of line_total.
LINES, KEYS, TOTAL = 56_046, 56_042, Decimal("24914586.8193")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's files, as a user would have them to change."""
    folder = tmp_path_factory.mktemp("checkout") / "ecommerce-dwh"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPO,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (source := REPO / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    for source, column in (("orders", "order_date"), ("customers", "date_of_birth")):
        _declare_date_format(folder / "include" / "sources" / f"{source}.yaml", column, "M/d/yyyy")
    return folder


@pytest.fixture(scope="module")
def local(checkout: Path, real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack of the changed checkout, into which ``make load-sample`` has loaded the shop."""
    config = separate_config(tmp_path_factory.mktemp("stack") / "home")
    environ = {**os.environ, "DWH_LOCAL_VENVS": str(REPO / ".venv"), **_variables(config)}

    def command(*arguments: str) -> None:
        subprocess.run([sys.executable, "-m", "local", *arguments], cwd=checkout, env=environ, check=True)

    try:
        folder = str(real_data / "adventureworks")
        command("load-sample", folder, "--order-date-format", "%m/%d/%Y")
        yield LocalStack(config)
    finally:
        command("down")


@pytest.mark.timeout(1800)
def test_every_line_is_loaded_once(local: LocalStack) -> None:
    assert local.query("select count(*), sum(line_total) from facts.fact_sales") == [
        (KEYS, TOTAL - local.value("select sum(superseded_amount) from quality.ledger"))
    ]
    (ledger,) = local.query(
        "select sum(raw_rows), sum(accepted_rows), sum(superseded_rows), sum(quarantined_rows), sum(raw_amount) "
        "from quality.ledger where source = 'order_items'"
    )
    assert ledger == (LINES, KEYS, LINES - KEYS, 0, TOTAL)
    assert local.value("select sum(quarantined_rows) from quality.ledger") == 0


def test_dates_are_read_as_declared(local: LocalStack) -> None:
    assert [
        str(day)
        for day in local.query("select min(order_date)::date, max(order_date)::date from history.orders")[0]
    ] == [
        "2017-01-01",
        "2019-06-30",
    ]
    born = local.value("select date_of_birth from dimensions.dim_customer where customer_id = '11001'")
    assert str(born) == "1965-05-14"


def test_costs_give_a_margin(local: LocalStack) -> None:
    """The only real set that knows what its products cost."""
    assert (
        local.value("select count(*) from analytics.product_performance where gross_margin_percent is not null")
        > 100
    )
    assert (
        local.value("select count(*) from dimensions.dim_product where product_key <> -1 and is_current") == 293
    )


def _declare_date_format(contract: Path, column: str, pattern: str) -> None:
    document = yaml.safe_load(contract.read_text())
    (found,) = [each for table in document["schema"] for each in table["properties"] if each["name"] == column]
    found["customProperties"] = [{"property": "dateFormats", "value": [pattern]}]
    contract.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


def _variables(config: LocalConfig) -> dict[str, str]:
    ports = {
        "AWS": config.aws_port,
        "REDSHIFT": config.redshift_port,
        "SMTP": config.smtp_port,
        "MAIL": config.mail_port,
        "AIRFLOW": config.airflow_port,
    }
    return {
        "DWH_LOCAL_HOME": str(config.home),
        **{f"DWH_LOCAL_{name}_PORT": str(port) for name, port in ports.items()},
    }
