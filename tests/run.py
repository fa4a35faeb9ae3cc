"""Everything that must hold before a change lands: ``make test`` (all of it) or ``make lint``.

Lint first, then each test suite in the Python environment that its code runs in. A suite that runs no test
fails: an empty suite proves nothing. Ends with one table and one verdict; the exit code follows the verdict.

    .venv/local/bin/python tests/run.py [lint] [suite …]
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

REPO = Path(__file__).resolve().parents[1]
VENVS = Path(os.environ.get("DWH_LOCAL_VENVS") or REPO / ".venv")
RESULTS = REPO / "artifacts" / "tests"

console = Console(highlight=False)


@dataclass(frozen=True)
class Suite:
    """Tests that run in one environment.

    Attributes:
        environment: folder of the environment under ``.venv``.
        paths: test folders, relative to the repository.
    """

    name: str
    environment: str
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What a suite or a linter came to."""

    name: str
    ok: bool
    seconds: float
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    note: str = ""


SUITES = (
    Suite("unit", "airflow", ("tests/unit",)),
    Suite("dags", "airflow", ("tests/dags",)),
    Suite("glue", "spark", ("tests/glue",)),
    Suite("local", "local", ("tests/local",)),
    Suite("sql", "local", ("tests/sql",)),
    Suite("e2e", "local", ("tests/e2e",)),
)
# Run only when asked for by name: they need what not every machine has.
EXTRA_SUITES = (
    Suite("ui", "ui", ("tests/ui",)),
    Suite("unit-312", "airflow-312", ("tests/unit",)),
    Suite("dags-312", "airflow-312", ("tests/dags",)),
)


def linters() -> list[tuple[str, list[str], dict[str, str]]]:
    """Name, command and extra environment of each linter."""
    dev = VENVS / "dev" / "bin"
    mypy = [str(dev / "mypy"), "--python-executable"]

    def python(environment: str) -> str:
        return str(VENVS / environment / "bin" / "python")

    return [
        ("ruff", [str(dev / "ruff"), "check", "--output-format", "concise", "."], {}),
        ("ruff format", [str(dev / "ruff"), "format", "--check", "."], {}),
        ("mypy: dags, plugins", [*mypy, python("airflow"), "dags", "plugins/ecommerce_dwh"], {}),
        ("mypy: glue", [*mypy, python("spark"), "include/glue"], {}),
        ("mypy: local", [*mypy, python("local"), "local", "benchmarks"], {}),
        ("sqlfluff", [str(dev / "sqlfluff"), "lint", "--disable-progress-bar", "include/sql"], {}),
        (
            "generated files",
            [python("airflow"), "-m", "ecommerce_dwh.codegen", "--check"],
            {"PYTHONPATH": str(REPO / "plugins")},
        ),
    ]


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for; returns the exit code."""
    usual = ["lint", *(suite.name for suite in SUITES)]
    known = [*usual, *(suite.name for suite in EXTRA_SUITES)]
    if wrong := [name for name in arguments if name not in known]:
        console.print(f"There is no suite {wrong[0]}; there are {', '.join(known)}.")
        return 2
    wanted = set(arguments or usual)
    outcomes: list[Outcome] = []
    if "lint" in wanted:
        outcomes += [_lint(*linter) for linter in linters()]
    outcomes += [_test(suite) for suite in (*SUITES, *EXTRA_SUITES) if suite.name in wanted]
    return _verdict(outcomes)


def _lint(name: str, command: list[str], extra: dict[str, str]) -> Outcome:
    began = time.monotonic()
    done = subprocess.run(
        command,
        cwd=REPO,
        env={**os.environ, **extra},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - began
    ok = done.returncode == 0
    mark = Text("✔ ", "green") if ok else Text("✘ ", "red")
    console.print(mark + Text(f"{name:<22} {seconds:5.1f} s"))
    if not ok:
        console.print(Text(done.stdout.strip()), soft_wrap=True)
    return Outcome(name, ok, seconds)


def _test(suite: Suite) -> Outcome:
    console.rule(f"[bold]{suite.name}[/] · {' '.join(suite.paths)} · .venv/{suite.environment}", align="left")
    python = VENVS / suite.environment / "bin" / "python"
    report = RESULTS / f"{suite.name}.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    began = time.monotonic()
    paths = [path for path in suite.paths if (REPO / path).is_dir()]
    if not paths:
        return Outcome(suite.name, False, 0.0, note=f"there is no {' '.join(suite.paths)}")
    code = subprocess.call(
        [str(python), "-m", "pytest", *paths, "--quiet", f"--junitxml={report}", "--durations=5"], cwd=REPO
    )
    seconds = time.monotonic() - began
    passed, failed, skipped = _counts(report)
    note = "" if passed + failed else "ran no test"
    if code not in (0, 1, 5):
        note = f"pytest ended with exit code {code}"
    return Outcome(suite.name, code == 0 and passed > 0, seconds, passed, failed, skipped, note)


def _counts(report: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped tests of a JUnit report."""
    try:
        root = ET.parse(report).getroot()
    except (OSError, ET.ParseError):
        return 0, 0, 0
    suites = root.iter("testsuite")
    total = failed = skipped = 0
    for suite in suites:
        total += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    return total - failed - skipped, failed, skipped


def _verdict(outcomes: list[Outcome]) -> int:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for header, justify in (("", "left"), ("passed", "right"), ("failed", "right"), ("skipped", "right")):
        table.add_column(header, justify=justify)  # type: ignore[arg-type]
    table.add_column("time", justify="right")
    table.add_column("")
    for outcome in outcomes:
        mark = Text("✔ ", "green") if outcome.ok else Text("✘ ", "red")
        counts = [str(n) if n else "" for n in (outcome.passed, outcome.failed, outcome.skipped)]
        table.add_row(mark + Text(outcome.name), *counts, f"{outcome.seconds:.0f} s", outcome.note)
    console.rule("[bold]Verdict[/]", align="left")
    console.print(table)
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(outcome.failed for outcome in outcomes)
    broken = [outcome.name for outcome in outcomes if not outcome.ok]
    total = sum(outcome.seconds for outcome in outcomes)
    minutes = f"{int(total // 60)} min {int(total % 60):02d} s"
    if broken:
        console.print(f"\n[bold red]Failed[/] after {minutes}: {', '.join(broken)}")
    else:
        console.print(f"\n[bold green]All good[/] after {minutes}.")
    if passed or failed:
        console.print(f"{passed} passed, {failed} failed")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
