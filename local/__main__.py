"""``python -m local``: the laptop's AWS, one command for all of it.

The Makefile's targets call these commands with the right Python.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from local.config import LocalConfig, keep_private, load_config
from local.stack import airflow
from local.stack.display import StepDisplay, console, grid, heading, human_seconds
from local.stack.ports import PortTakenError
from local.stack.psql import psql_command, psql_environ
from local.stack.steps import warehouse_database
from local.stack.supervisor import Stack, StackError, run_foreground


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options, rest = _parser().parse_known_args(arguments)
    if rest and options.command not in (_psql, _load_sample, _import):
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    options.rest = rest
    keep_private()
    # A stop by the system is handled like Ctrl-C, so that `run` takes its stack down in both cases.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return int(options.command(load_config(), options))
    except (StackError, PortTakenError, airflow.AirflowError, ValueError) as error:
        console.print(Text(f"\n{error}", style="red"), soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("\nInterrupted. `make status` shows what runs; `make down` stops it.")
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="The local stack of ecommerce-dwh.")
    commands = parser.add_subparsers(required=True, metavar="command")

    commands.add_parser("up", help="start everything and leave it running").set_defaults(command=_up)
    commands.add_parser("down", help="stop everything, children included").set_defaults(command=_down)
    commands.add_parser("status", help="state, address, memory of each component").set_defaults(command=_status)

    logs = commands.add_parser("logs", help="show a component's log, or all of them")
    logs.add_argument("component", nargs="*", help="component names as in `status`; default: all")
    logs.add_argument("-n", "--lines", type=int, default=20, help="lines per component (default 20)")
    logs.add_argument("-f", "--follow", action="store_true", help="keep showing what is added")
    logs.set_defaults(command=_logs)

    reset = commands.add_parser("reset", help="stop everything and delete its state")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    reset.set_defaults(command=_reset)

    run = commands.add_parser("run", help="load three generated days through the whole DAG and show the result")
    run.add_argument("--keep", action="store_true", help="leave the stack running afterwards")
    run.add_argument("--lines-per-day", type=int, default=None, help="size of a generated day (default 10,000)")
    run.add_argument("-v", "--verbose", action="store_true", help="print the top of every view, too")
    run.set_defaults(command=_run)

    sample = commands.add_parser(
        "load-sample", help="land a folder of source files and run its days in one run"
    )
    sample.add_argument("folder", type=Path)
    sample.add_argument(
        "--gate-override-reason",
        default="",
        metavar="SENTENCE",
        help="load the days although rules of severity error fail: why, and who decided",
    )
    sample.add_argument("-v", "--verbose", action="store_true", help="print the top of every view, too")
    sample.set_defaults(command=_load_sample)

    import_ = commands.add_parser("import", help="load an export of a shop system", add_help=False)
    import_.set_defaults(command=_import)

    map_ = commands.add_parser("map", help="propose a mapping for files of any other system")
    map_.add_argument("sample", type=Path, help="folder of CSV files, or one file")
    map_.add_argument("--to", type=Path, help="file to write (default mapping.yaml in the folder of imports)")
    map_.set_defaults(command=_map)

    environ = commands.add_parser("env", help='print the environment as shell lines: eval "$(… env)"')
    environ.add_argument("part", nargs="?", choices=["aws", "psql", "airflow", "all"], default="all")
    environ.set_defaults(command=_env)

    psql = commands.add_parser("psql", help="SQL prompt on the warehouse; arguments go to psql", add_help=False)
    psql.set_defaults(command=_psql)

    browse = commands.add_parser("open", help="open the web UI or the mailbox in a browser")
    browse.add_argument("page", nargs="?", choices=["airflow", "mail"], default="airflow")
    browse.set_defaults(command=_open)
    return parser


def _up(config: LocalConfig, _options: argparse.Namespace) -> int:
    began = time.monotonic()
    stack = Stack(config)
    with StepDisplay() as display:
        started = stack.up(display)
    verdict = f"ready in {time.monotonic() - began:.0f} s" if started else "already running"
    heading(f"The local stack is {verdict}.")
    print_addresses(config)
    return 0


def print_addresses(config: LocalConfig) -> None:
    """Addresses of the stack's pages and servers."""
    rows = [
        ("Start page", f"{config.mail_url}/start", "all of this with states, in a browser"),
        ("Airflow", config.airflow_url, f"login {airflow.LOGIN}, password {airflow.PASSWORD}"),
        (
            "Warehouse",
            f"{config.host}:{config.redshift_port}",
            f"make psql, or a BI tool's PostgreSQL connector: database {warehouse_database()}, "
            f"user {config.redshift_user}, password {config.redshift_password}",
        ),
        ("AWS", config.aws_url, 'eval "$(make -s env)", then aws glue …, aws s3 …'),
        ("Mail", config.mail_url, "alerts arrive here"),
        ("Logs", str(config.logs_dir), "make logs"),
    ]
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, address, hint in rows:
        table.add_row(Text(name, style="bold"), address, Text(hint, style="dim"))
    console.print(table, soft_wrap=True)


def _down(config: LocalConfig, _options: argparse.Namespace) -> int:
    stack = Stack(config)
    if not stack.book.names():
        stack.down()  # even without pid files a crash may have left processes
        console.print("Nothing is running.")
        return 0
    with StepDisplay() as display:
        stack.down(display)
    console.print("Stopped. Lake, warehouse and history are kept for the next start.")
    return 0


def _status(config: LocalConfig, _options: argparse.Namespace) -> int:
    states = Stack(config).status()
    colours = {"running": "green", "stopped": "dim", "crashed": "red", "not answering": "yellow"}
    rows = [
        (
            state.name,
            Text(state.state, style=colours[state.state]),
            state.pid or "",
            state.address,
            f"{state.memory / 1e6:,.0f} MB" if state.memory else "",
            human_seconds(state.uptime) if state.pid else "",
        )
        for state in states
    ]
    console.print(grid(["component", "state", "pid", "address", "memory", "uptime"], rows, right=[2, 4, 5]))
    total = sum(state.memory for state in states)
    if total:
        console.print(f"\nMemory in all: {total / 1e6:,.0f} MB (shared pages counted once)")
    crashed = [state for state in states if state.state == "crashed"]
    if crashed:
        console.print(f"[red]{', '.join(s.name for s in crashed)} ended unexpectedly.[/] Log: {crashed[0].log}")
        console.print("`make up` starts what is missing.")
    return 0 if all(state.state == "running" for state in states) else 3


def _logs(config: LocalConfig, options: argparse.Namespace) -> int:
    stack = Stack(config)
    known = [step.name for step in stack.plan.steps]
    if wrong := [name for name in options.component if name not in known]:
        raise ValueError(f"There is no component {wrong[0]}. Components: {', '.join(known)}")
    chosen = options.component or known
    paths = {name: stack.book.log_path(name) for name in chosen if stack.book.log_path(name).exists()}
    for name, path in paths.items():
        console.print(Text(f"── {name} · {path}", style="bold cyan"), soft_wrap=True)
        for line in _last_lines(path, options.lines):
            print(line)
    if not paths:
        console.print(f"There are no logs in {config.logs_dir} yet.")
    if options.follow:
        _follow(paths)
    return 0


def _last_lines(path: Path, count: int) -> list[str]:
    with path.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(0, size - 400_000))
        return log.read().decode("utf-8", "replace").splitlines()[-count:]


def _follow(paths: dict[str, Path]) -> None:
    with contextlib.ExitStack() as files:
        opened = {name: files.enter_context(path.open(errors="replace")) for name, path in paths.items()}
        for log in opened.values():
            log.seek(0, os.SEEK_END)
        width = max((len(name) for name in opened), default=0)
        while True:
            for name, log in opened.items():
                for line in log.readlines():
                    console.print(
                        Text.assemble((name.ljust(width), "cyan"), "  ", line.rstrip("\n")), soft_wrap=True
                    )
            time.sleep(0.3)


def _reset(config: LocalConfig, options: argparse.Namespace) -> int:
    if not options.yes:
        console.print(
            f"This deletes the lake, the warehouse, Airflow's history, mail and logs in {config.home}."
        )
        try:
            answer = input("Type yes to go on: ")
        except EOFError:
            answer = ""
        if answer.strip().lower() != "yes":
            console.print("Nothing was deleted. (`make reset YES=1` does not ask.)")
            return 1
    Stack(config).reset()
    console.print("The local stack is empty.")
    return 0


def _run(config: LocalConfig, options: argparse.Namespace) -> int:
    from local.stack.demo import run_demo  # late import: loads the database driver

    return run_demo(config, keep=options.keep, lines_per_day=options.lines_per_day, verbose=options.verbose)


def _load_sample(config: LocalConfig, options: argparse.Namespace) -> int:
    from local.stack.demo import load_sample  # late import: loads the database driver

    return load_sample(
        config,
        options.folder,
        options.rest,
        verbose=options.verbose,
        gate_override_reason=options.gate_override_reason,
    )


def _import(config: LocalConfig, options: argparse.Namespace) -> int:
    from local.stack.shop_export import import_export  # late import: loads the database driver

    return import_export(config, options.rest)


def _map(config: LocalConfig, options: argparse.Namespace) -> int:
    from local.stack.shop_export import propose_mapping  # late import: loads the database driver

    return propose_mapping(options.sample, options.to or config.home / "imports" / "mapping.yaml")


def _env(config: LocalConfig, options: argparse.Namespace) -> int:
    stack = Stack(config)
    parts = {
        "aws": config.aws_environ(),
        "psql": psql_environ(config, {}),
        "airflow": {
            name: value
            for name, value in stack.plan.airflow_environ.items()
            if name.startswith("AIRFLOW") and name not in config.aws_environ()
        },
    }
    for part, values in parts.items():
        if options.part in (part, "all"):
            for name, value in sorted(values.items()):
                print(f"export {name}={_quote(value)}")
    if options.part == "all":
        programs = f"{config.local_python.parent}:{config.airflow_python.parent}"  # aws; airflow
        print(f'export PATH={_quote(programs)}:"$PATH"')
    return 0


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _psql(config: LocalConfig, options: argparse.Namespace) -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C belongs to the prompt
    return run_foreground(psql_command(options.rest), psql_environ(config, dict(os.environ)))


def _open(config: LocalConfig, options: argparse.Namespace) -> int:
    address = config.mail_url if options.page == "mail" else config.airflow_url
    console.print(address)
    webbrowser.open(address)
    return 0


if __name__ == "__main__":
    sys.exit(main())
