"""Everything that must hold before a change lands: ``make test`` (all of it) or ``make lint``.

Linters and test suites, each in the Python environment that its code runs in, in as many lanes as there are cores
(at most two: a suite starts processes of its own), the longest first.
A suite that runs no test fails: an empty suite proves nothing. What a suite prints goes to
``artifacts/tests/<suite>.log`` and, when it fails, to the terminal. Ends with one table and one verdict; the exit code
follows the verdict. A suite that takes longer than its budget is marked, not failed: the time depends on the machine.
Spark's S3 connector is downloaded, where it is missing, while the suites run that do not need it.
``artifacts/tests/times.md`` has the suites with their processor time, which depends less on what runs beside them than
their duration does, and the slowest tests.

    .venv/local/bin/python tests/run.py [--lanes N] [lint] [suite …]

With one lane, pytest's own output is shown as it comes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

REPO = Path(__file__).resolve().parents[1]
VENVS = Path(os.environ.get("DWH_LOCAL_VENVS") or REPO / ".venv")
RESULTS = REPO / "artifacts" / "tests"
PACKAGES = ("aws-local", "redshift-local", "shop-data", "shop-import")
PACKAGE_SOURCES = tuple(f"packages/{name}/src" for name in PACKAGES)
PACKAGE_TESTS = tuple(f"packages/{name}/tests" for name in PACKAGES)

console = Console(highlight=False)


@dataclass(frozen=True)
class Suite:
    """Tests that run in one environment.

    Attributes:
        environment: folder of the environment under ``.venv``.
        paths: test folders, relative to the repository.
        options: further arguments of pytest.
        environ: further environment variables.
        budget: seconds that it should take at most, on two cores beside another suite. Suites start in the order of
            their budgets, the greatest first.
        connector: whether its Spark reads S3, so that it starts when the S3 connector is there.
    """

    name: str
    environment: str
    paths: tuple[str, ...]
    options: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    budget: int = 0
    connector: bool = True


@dataclass(frozen=True)
class Outcome:
    """What a suite or a linter came to.

    Attributes:
        seconds: from its start to its end.
        cpu: processor seconds of its process and of all that it started and waited for.
    """

    name: str
    ok: bool
    seconds: float
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    note: str = ""
    budget: int = 0
    cpu: float = 0.0

    @property
    def over(self) -> bool:
        """Whether it took longer than its budget."""
        return bool(self.budget) and self.seconds > self.budget


SUITES = (
    Suite("e2e", "local", ("tests/e2e",), budget=420),
    # Random histories, shared by all guarantees: how many each profile draws is in `tests/histories/worlds.py`.
    Suite("histories", "local", ("tests/histories",), connector=False, budget=240),
    Suite("sql", "local", ("tests/sql",), connector=False, budget=120),
    Suite("glue", "spark", ("tests/glue",), budget=300),
    Suite(
        "dags",
        "airflow",
        ("tests/dags",),
        ("--ignore=tests/dags/test_alerts_live.py",),
        connector=False,
        budget=270,
    ),
    Suite("local", "local", ("tests/local", *PACKAGE_TESTS), budget=240),
    Suite("unit", "airflow", ("tests/unit",), connector=False, budget=100),
)
# Run only when asked for by name: they take long, or need what not every machine has.
EXTRA_SUITES = (
    Suite("infra", "infra", ("tests/infra",), connector=False, budget=900),
    Suite("real", "local", ("tests/real",), budget=800),
    Suite("ui", "ui", ("tests/ui",), budget=480),
    Suite("oracle", "oracle", ("tests/oracle",), budget=900),
    Suite("faults", "local", ("tests/faults",), budget=1500),
    Suite("flow", "local", ("tests/flow",), budget=600),
    Suite("backfill", "local", ("tests/backfill",), budget=2400),  # with DWH_BACKFILL_DAYS=60
    Suite("extension", "local", ("tests/extension",), budget=600),
    # The same histories in greater number, new ones at every run.
    Suite("properties", "local", ("tests/histories",), (), {"HYPOTHESIS_PROFILE": "ci"}, budget=1800),
    # Every mail of a stack of its own.
    Suite("alerts", "airflow", ("tests/dags/test_alerts_live.py",), budget=150),
    # Hostile files, names, objects and requests, each in the environment that meets them.
    Suite("security-airflow", "airflow", ("tests/security/airflow",), budget=150),
    Suite("security-spark", "spark", ("tests/security/spark",), budget=150),
    Suite("security-local", "local", ("tests/security/local",), budget=90),
    Suite("dags-312", "airflow-312", ("tests/dags",), budget=400),
    # The DAGs themselves: quick enough for every push.
    Suite("unit-312", "airflow-312", ("tests/unit",), connector=False, budget=100),
    Suite("policies-312", "airflow-312", ("tests/dags/test_dags.py",), connector=False, budget=40),
)


QUICK = 10  # seconds of a linter that tells of a typo before the long pieces start


@dataclass(frozen=True)
class Check:
    """A linter.

    Attributes:
        environ: further environment variables.
        budget: seconds that it should take at most, on two cores beside a suite.
    """

    name: str
    command: list[str]
    environ: Mapping[str, str] = field(default_factory=dict)
    budget: int = QUICK


def linters() -> list[Check]:
    """The linters, each in the environment that has what it inspects."""
    dev = VENVS / "dev" / "bin"
    mypy = [str(dev / "mypy"), "--python-executable"]
    plugins = {"PYTHONPATH": str(REPO / "plugins")}

    def python(environment: str) -> str:
        return str(VENVS / environment / "bin" / "python")

    return [
        Check("ruff", [str(dev / "ruff"), "check", "--output-format", "concise", "."]),
        Check("ruff format", [str(dev / "ruff"), "format", "--check", "."]),
        Check("codespell", [str(dev / "codespell")]),
        Check("mypy: dags, plugins", [*mypy, python("airflow"), "dags", "plugins/ecommerce_dwh"], budget=60),
        Check("mypy: glue", [*mypy, python("spark"), "include/glue"], budget=30),
        Check("mypy: local", [*mypy, python("local"), "local", *PACKAGE_SOURCES, "benchmarks"], budget=60),
        Check("imports", [str(dev / "lint-imports"), "--no-logo", "--no-cache"], plugins),
        Check("sqlfluff", [str(dev / "sqlfluff"), "lint", "--disable-progress-bar", "include/sql"], budget=45),
        Check(
            "sqlfluff: rendered",
            [python("local"), "-m", "tools.rendered_sql", "--lint", str(dev / "sqlfluff")],
            plugins,
            budget=45,
        ),
        Check("generated files", [python("airflow"), "-m", "tools.generate", "--check"], plugins, budget=20),
        Check("stubs", [python("dev"), "-m", "tools.stubs"]),
        Check("docs site", [python("dev"), "-m", "tools.docs_site"], budget=20),
    ]


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for; returns the exit code."""
    usual = ["lint", *(suite.name for suite in SUITES)]
    known = [*usual, *(suite.name for suite in EXTRA_SUITES)]
    parser = argparse.ArgumentParser(prog="tests/run.py", description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="suite", help=f"of {', '.join(known)}; default: {', '.join(usual)}"
    )
    parser.add_argument(
        "--lanes", type=int, default=min(2, os.cpu_count() or 1), help="how many run side by side"
    )
    options = parser.parse_args(arguments)
    if wrong := [name for name in options.names if name not in known]:
        console.print(f"There is no suite {wrong[0]}; there are {', '.join(known)}.")
        return 2
    wanted = set(options.names or usual)
    suites = [suite for suite in (*SUITES, *EXTRA_SUITES) if suite.name in wanted]
    checks = linters() if "lint" in wanted else []
    lanes = max(1, min(options.lanes, len(suites) + len(checks)))
    began = time.monotonic()
    connector = Connector(needed=any(suite.connector for suite in suites))
    pieces = [
        *(
            Piece(check.budget, lambda check=check: _lint(check), first=check.budget == QUICK)  # type: ignore[misc]
            for check in checks
        ),
        *(
            Piece(suite.budget, lambda suite=suite: _test(suite, connector, quiet=lanes > 1), suite.connector)  # type: ignore[misc]
            for suite in suites
        ),
    ]
    outcomes = run_pieces(pieces, lanes, connector.done)
    _write_times(suites, outcomes)
    return _verdict(outcomes, time.monotonic() - began)


class Connector:
    """Spark's S3 connector: downloaded in the background where this checkout has none.

    Attributes:
        done: set when it is there, or when it is known that it cannot be had.
        error: why it cannot be had; empty otherwise.
    """

    def __init__(self, *, needed: bool) -> None:
        self.done = threading.Event()
        self.error = ""
        if needed:
            threading.Thread(target=self._fetch, name="connector", daemon=True).start()
        else:
            self.done.set()

    def _fetch(self) -> None:
        command = [sys.executable, str(REPO / "local" / "stack" / "bootstrap.py"), "spark", "local"]
        fetched = subprocess.run(
            command, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if fetched.returncode != 0:
            self.error = fetched.stdout.strip() or f"exit code {fetched.returncode}"
        elif fetched.stdout.strip():
            console.print(Text(fetched.stdout.strip(), "dim"), soft_wrap=True)
        self.done.set()


@dataclass(frozen=True)
class Piece:
    """What a lane does in one go: a suite or a linter.

    Attributes:
        budget: seconds that it should take; the greatest start first.
        run: does it.
        waits: whether it starts only when the connector is there.
        first: whether it starts before all others: a linter of seconds, so that a typo is told early.
    """

    budget: int
    run: Callable[[], Outcome]
    waits: bool = False
    first: bool = False


def run_pieces(pieces: Sequence[Piece], lanes: int, connector: threading.Event) -> list[Outcome]:
    """Run all pieces, the longest first, so many at a time; returns what they came to, in the order of their ends.

    A piece that waits for the connector lets shorter ones go first until the connector is there.
    """
    left = [piece for first in (True, False) for piece in in_order([p for p in pieces if p.first == first])]
    outcomes: list[Outcome] = []
    lock = threading.Lock()

    def next_piece() -> Piece | None:
        with lock:
            ready = connector.is_set()
            found = next((piece for piece in left if ready or not piece.waits), None)
            if found:
                left.remove(found)
            return found

    def lane() -> None:
        while True:
            piece = next_piece()
            if piece is None:
                with lock:
                    if not left:
                        return
                connector.wait()
                continue
            outcome = piece.run()
            with lock:
                outcomes.append(outcome)

    with ThreadPoolExecutor(lanes) as pool:
        for each in [pool.submit(lane) for _ in range(lanes)]:
            each.result()
    return outcomes


Budgeted = TypeVar("Budgeted", Suite, Piece)


def in_order(items: Sequence[Budgeted]) -> list[Budgeted]:
    """As they start: the longest first, so that no lane ends with a long suite while the other is idle."""
    return sorted(items, key=lambda item: -item.budget)


def _lint(check: Check) -> Outcome:
    began = time.monotonic()
    with tempfile.TemporaryFile() as output:
        code, cpu = _call(check.command, {**os.environ, **check.environ}, output)
        output.seek(0)
        text = output.read().decode(errors="replace").strip()
    outcome = Outcome(check.name, code == 0, time.monotonic() - began, budget=check.budget, cpu=cpu)
    _tell(outcome, "" if outcome.ok else text)
    return outcome


def _call(command: list[str], environ: Mapping[str, str], output: IO[bytes] | None) -> tuple[int, float]:
    """Run a command to its end; returns exit code and processor seconds, those of its ended children included."""
    process = subprocess.Popen(
        command,
        cwd=REPO,
        env=dict(environ),
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_utime + usage.ru_stime


def _test(suite: Suite, connector: Connector, *, quiet: bool) -> Outcome:
    """Run a suite; quiet: show what it printed only when it failed."""
    where = f"{' '.join(suite.paths)} · .venv/{suite.environment}"
    if not quiet:
        console.rule(f"[bold]{suite.name}[/] · {where}", align="left")
    else:
        console.print(Text(f"▶ {suite.name:<22} {where}", "dim"))
    began = time.monotonic()
    if not all((REPO / path).exists() for path in suite.paths):
        return Outcome(suite.name, False, 0.0, note=f"there is no {' '.join(suite.paths)}")
    if suite.connector and connector.error:
        outcome = Outcome(suite.name, False, 0.0, note="Spark's S3 connector could not be fetched")
        _tell(outcome, connector.error)
        return outcome
    code, cpu, report = run_pytest(suite, quiet=quiet)
    passed, failed, skipped = _counts(report)
    note = "" if passed + failed else "ran no test"
    if code not in (0, 1, 5):
        note = f"pytest ended with exit code {code}"
    outcome = Outcome(
        suite.name,
        code == 0 and passed > 0,
        time.monotonic() - began,
        passed,
        failed,
        skipped,
        note,
        suite.budget,
        cpu,
    )
    if quiet:
        log = report.with_suffix(".log")
        _tell(outcome, "" if outcome.ok else log.read_text(errors="replace").strip())
    return outcome


def run_pytest(suite: Suite, *, quiet: bool, results: Path = RESULTS) -> tuple[int, float, Path]:
    """Run a suite's tests; quiet: what they print goes to a log beside the report.

    Returns:
        pytest's exit code, processor seconds and its JUnit report ``<results>/<suite>.xml``, which a session that broke
        off lacks.
    """
    report = results / f"{suite.name}.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    with _scratch() as scratch:
        command = [
            str(VENVS / suite.environment / "bin" / "python"),
            "-m",
            "pytest",
            *suite.paths,
            *suite.options,
            "--quiet",
            f"--junitxml={report}",
            f"--basetemp={scratch / suite.name}",
            "--durations=5",
        ]
        environ = {**os.environ, **suite.environ}
        if not quiet:
            return *_call(command, environ, None), report
        with report.with_suffix(".log").open("wb") as log:
            return *_call(command, environ, log), report


@contextmanager
def _scratch() -> Iterator[Path]:
    """Where a suite's temporary files lie: a folder of its own.

    pytest's usual place is closed to other users whenever another session starts; under root the PostgreSQL servers
    of a suite beside it run as such a user, and would lose their data under their feet.
    """
    with tempfile.TemporaryDirectory(prefix="dwh-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def _tell(outcome: Outcome, output: str) -> None:
    """One line when something is done, and what it printed, in one piece."""
    mark = Text("✔ ", "green") if outcome.ok else Text("✘ ", "red")
    counts = f"{outcome.passed:5} passed" if outcome.passed or outcome.failed else ""
    line = mark + Text(f"{outcome.name:<22} {outcome.seconds:5.1f} s {counts}")
    console.print(line + Text(f"\n{output}" if output else ""), soft_wrap=True)


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


@dataclass(frozen=True)
class Timing:
    """How long a test took, its fixtures included."""

    suite: str
    test: str
    seconds: float


SLOWEST = 40  # tests in the file; the terminal shows a few


def timings(suite: str, report: Path) -> list[Timing]:
    """Every test of a JUnit report; none of a report that is missing or broken off."""
    try:
        root = ET.parse(report).getroot()
    except (OSError, ET.ParseError):
        return []
    return [
        Timing(suite, f"{case.get('classname', '')}::{case.get('name', '')}", float(case.get("time") or 0))
        for case in root.iter("testcase")
    ]


def times_page(outcomes: Sequence[Outcome], tests: Sequence[Timing]) -> str:
    """Suites and linters, longest first, and the slowest tests, as Markdown."""
    lines = [
        "| suite | seconds | CPU seconds | budget | passed | failed | skipped |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {done.name} | {done.seconds:.1f} | {done.cpu:.1f} | {_budget(done)} "
        f"| {done.passed} | {done.failed} | {done.skipped} |"
        for done in sorted(outcomes, key=lambda done: -done.seconds)
    ]
    lines += ["", "| seconds | suite | test |", "|---:|---|---|"]
    slowest = sorted(tests, key=lambda found: -found.seconds)[:SLOWEST]
    lines += [
        f"| {found.seconds:.1f} | {found.suite} | `{found.test.replace('|', '/')}` |" for found in slowest
    ]
    return "\n".join(lines) + "\n"


def _budget(outcome: Outcome) -> str:
    """An outcome's budget in seconds, marked where it was not kept; empty for one without."""
    return f"{outcome.budget}{' over' if outcome.over else ''}" if outcome.budget else ""


def _write_times(suites: Sequence[Suite], outcomes: Sequence[Outcome]) -> None:
    tests = [found for suite in suites for found in timings(suite.name, RESULTS / f"{suite.name}.xml")]
    if not tests:
        return
    page = RESULTS / "times.md"
    page.write_text(times_page(outcomes, tests), "utf-8")
    console.rule("[bold]Slowest tests[/]", align="left")
    for found in sorted(tests, key=lambda found: -found.seconds)[:8]:
        console.print(Text(f"{found.seconds:7.1f} s  {found.suite:<18} {found.test[-90:]}"), soft_wrap=True)
    console.print(Text(f"All suites and the {SLOWEST} slowest tests: {page.relative_to(REPO)}", "dim"))


def _verdict(outcomes: list[Outcome], seconds: float) -> int:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for header, justify in (("", "left"), ("passed", "right"), ("failed", "right"), ("skipped", "right")):
        table.add_column(header, justify=justify)  # type: ignore[arg-type]
    table.add_column("time", justify="right")
    table.add_column("CPU", justify="right")
    table.add_column("budget", justify="right")
    table.add_column("")
    for outcome in outcomes:
        mark = Text("✔ ", "green") if outcome.ok else Text("✘ ", "red")
        counts = [str(n) if n else "" for n in (outcome.passed, outcome.failed, outcome.skipped)]
        budget = Text(f"{outcome.budget} s" if outcome.budget else "", "bold yellow" if outcome.over else "dim")
        note = outcome.note or ("longer than its budget" if outcome.over else "")
        table.add_row(
            mark + Text(outcome.name), *counts, f"{outcome.seconds:.0f} s", f"{outcome.cpu:.0f} s", budget, note
        )
    console.rule("[bold]Verdict[/]", align="left")
    console.print(table)
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(outcome.failed for outcome in outcomes)
    broken = [outcome.name for outcome in outcomes if not outcome.ok]
    minutes = f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
    if broken:
        console.print(f"\n[bold red]Failed[/] after {minutes}: {', '.join(broken)}")
    else:
        console.print(f"\n[bold green]All good[/] after {minutes}.")
    if passed or failed:
        console.print(f"{passed} passed, {failed} failed")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
