"""``make run``: from nothing to three loaded days of data, by the real scheduler, and a look at the result."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from local.config import REPO, LocalConfig
from local.stack import runs, story, summary
from local.stack.airflow import AirflowClient, AirflowError
from local.stack.display import StepDisplay, console, heading, human_seconds
from local.stack.ports import PortTakenError
from local.stack.supervisor import Stack, StackError
from shop_data.load import LoadError, find_files

if TYPE_CHECKING:
    from shop_data.load import LoadedRange

# The shop of the generator opens on the first of these days, so that the first day brings full snapshots. Fixed
# dates and a fixed seed make every run the same.
FIRST_DAY = date(2026, 1, 1)
DAYS = 3
LINES_PER_DAY = 10_000
SEED = 7


def run_demo(
    config: LocalConfig, *, keep: bool = False, lines_per_day: int | None = None, verbose: bool = False
) -> int:
    """Bring the stack up, load the days, print the result, stop; returns the exit code.

    Args:
        config: the local stack.
        keep: leave the stack running.
        lines_per_day: size of a generated day.
        verbose: print the top of every view, too.
    """
    began = time.monotonic()
    stack = Stack(config)
    was_running = stack.is_running()
    code = 1
    try:
        _load_days(config, stack, lines_per_day or LINES_PER_DAY, verbose=verbose)
        code = 0
    except (StackError, PortTakenError, runs.RunFailedError, AirflowError) as error:
        console.print(f"\n[bold red]Failed[/] after {human_seconds(time.monotonic() - began)}.")
        console.print(str(error), style="red", markup=False, soft_wrap=True)
    except KeyboardInterrupt:
        console.print("\nInterrupted; stopping what was started.")
        code = 130
    finally:
        if keep or was_running:
            console.print("\nThe stack is left running; `make down` stops it.")
        else:
            _stop(stack)
    if code == 0:
        console.print(
            f"\n[bold green]Done[/] in {human_seconds(time.monotonic() - began)}. "
            "The data is kept. `make run ARGS=-v` prints the top of every view."
        )
    return code


def _load_days(config: LocalConfig, stack: Stack, lines_per_day: int, *, verbose: bool) -> None:
    days = [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]
    heading("1. Local AWS, warehouse, Airflow")
    with StepDisplay() as display:
        stack.up(display)

    client = AirflowClient(config.airflow_url)
    heading(f"2. Tables and roles ({runs.BOOTSTRAP}), and {DAYS} days of raw files")
    generator = _start_generator(config, stack, days, lines_per_day)
    try:
        bootstrap(client)
        output, _ = generator.communicate(timeout=600)
    finally:
        generator.kill()
    if generator.returncode != 0:
        raise StackError(f"The data generator ended with exit code {generator.returncode}:\n{output}")
    console.print(output.rstrip())

    heading(f"3. {runs.DAILY}, {days[0]} … {days[-1]}")
    client.unpause(runs.DAILY)
    labels = runs.start_days(client, runs.DAILY, days[0], days[-1])
    if len(labels) != DAYS:
        raise runs.RunFailedError(f"Airflow's backfill made {len(labels)} runs for {DAYS} days: {labels}")
    runs.watch(client, runs.DAILY, labels)

    heading("4. The warehouse")
    names = [day.isoformat() for day in days]
    if verbose:
        summary.show_warehouse(config)
        summary.show_quality(config, names)
        summary.show_places(config)
    story.show_story(config, names)
    story.show_next(config, names[-1])


def load_sample(
    config: LocalConfig,
    folder: Path,
    options: Sequence[str] = (),
    *,
    verbose: bool = False,
    gate_override_reason: str = "",
) -> int:
    """Land a folder of real files and load all of its days in one run; the stack is left running.

    Args:
        config: the local stack.
        folder: laid out as ``python -m local.data load`` reads it.
        options: further arguments of that command, such as ``--days A:B``.
        verbose: print the top of every view, too.
        gate_override_reason: why the days may be loaded although rules of severity error fail.
    """
    began = time.monotonic()
    try:
        find_files(folder)
    except LoadError as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 1
    stack = Stack(config)
    try:
        with StepDisplay() as display:
            stack.up(display)
        client = AirflowClient(config.airflow_url)
        bootstrap(client)
        loaded = land(config, folder, options)
        if loaded is None:
            return 1
        client.unpause(runs.DAILY)
        conf = {"start_date": str(loaded.start), "end_date": str(loaded.end)}
        if gate_override_reason:
            conf["gate_override_reason"] = gate_override_reason
        heading(f"{runs.DAILY}, {loaded.start} … {loaded.end} in one run")
        runs.watch(client, runs.DAILY, {f"{loaded.start} …": client.trigger(runs.DAILY, conf)})
        if verbose:
            summary.show_warehouse(config, ledger_by_day=False)
            summary.show_quality(config, [str(loaded.end)])
        story.show_story(config, [str(day) for day in loaded.days])
    except runs.RunFailedError as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        if "QualityGateClosed" in str(error):
            console.print(_closed_gate(folder, options), markup=False, soft_wrap=True)
        return 1
    except (StackError, PortTakenError, AirflowError) as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 1
    console.print(
        f"\n[bold green]Loaded[/] in {human_seconds(time.monotonic() - began)}. `make psql` queries it."
    )
    return 0


def _closed_gate(folder: Path, options: Sequence[str]) -> str:
    """What to do about days that the quality gate did not let through."""
    again = f"make load-sample SAMPLE={shlex.quote(str(folder))}"
    reason = ["--gate-override-reason", "your name: why these rows may be loaded"]
    override = shlex.join([*options, *reason]).replace('"', '\\"')
    return (
        "\nThe quality gate is closed; rules, rows and examples are above and in the report. Next:\n"
        f"  files corrected:       {again}{f' ARGS={shlex.quote(shlex.join(options))}' if options else ''}\n"
        f'  load them as they are: {again} ARGS="{override}"\n'
        "  look first:            make up, then Browse → Data quality in the web UI"
    )


def bootstrap(client: AirflowClient) -> None:
    """Create or migrate the tables by the bootstrap DAG."""
    runs.wait_for_dags(client, [runs.BOOTSTRAP, runs.DAILY])
    client.unpause(runs.BOOTSTRAP)
    runs.watch(client, runs.BOOTSTRAP, {"bootstrap": client.trigger(runs.BOOTSTRAP)})


def land(config: LocalConfig, folder: Path, options: Sequence[str] = ()) -> LoadedRange | None:
    """Put the files into the raw bucket; None when it cannot be done."""
    from local import data  # late import: needs the endpoint's address in the environment
    from shop_data import cli

    os.environ.update(config.aws_environ())
    arguments = cli.parse(["load", str(folder.resolve()), "--replace", *options], data.SURROUNDINGS)
    try:
        return cli.load(arguments, console)
    except (ValueError, FileNotFoundError) as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return None


def _start_generator(
    config: LocalConfig, stack: Stack, days: list[date], lines_per_day: int
) -> subprocess.Popen[str]:
    """Generate the raw files while Airflow makes the tables."""
    command = [
        str(config.local_python),
        *("-m", "local.data", "generate"),
        *("--days", f"{days[0]}:{days[-1]}", "--opened", str(days[0])),
        *("--lines-per-day", str(lines_per_day), "--seed", str(SEED), "--replace"),
        *("--truth", str(config.home / "truth.json")),
    ]
    return subprocess.Popen(
        command,
        cwd=REPO,
        env={**stack.plan.local_environ, "COLUMNS": str(console.width), "PATH": os.environ.get("PATH", "")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _stop(stack: Stack) -> None:
    heading("5. Stop")
    with StepDisplay() as display:
        killed = stack.down(display)
    if killed:
        console.print(f"Had to be killed: {', '.join(killed)}", style="yellow")
