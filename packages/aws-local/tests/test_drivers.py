"""Java processes that serve several runs: which is kept, which is ended. A Python program stands in for Java."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from aws_local import drivers
from aws_local.drivers import Driver, DriverError, Drivers, DriverSettings
from aws_local.job_launch import Program
from aws_local.testing import until

# Writes its port and secret as Spark's PythonGatewayServer does, prints what it is told, ends with its standard input.
GATEWAY = """
import os, struct, sys
path, secret = os.environ["_PYSPARK_DRIVER_CONN_INFO_PATH"], b"the secret"
with open(path + ".part", "wb") as file:
    file.write(struct.pack(">ii", 4321, len(secret)) + secret)
os.rename(path + ".part", path)
for line in sys.stdin:
    print("told", line.strip(), flush=True)
"""

Make = Callable[..., Drivers]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes drivers of a Python program, and closes them in the end."""
    made: list[Drivers] = []

    def build(program: str = GATEWAY) -> Drivers:
        settings = DriverSettings(
            command=lambda: [sys.executable, "-c", program],
            python="python",
            environ=lambda: {},
            folder=tmp_path / "drivers",
        )
        made.append(Drivers(settings))
        return made[-1]

    yield build
    for each in made:
        each.close()


def ended(driver: Driver) -> bool:
    return driver.mark.find() is None


def test_a_run_in_success_leaves_its_process_to_the_next(make: Make) -> None:
    pool = make()
    first = pool.take()
    pool.give_back(first, clean=True)
    assert pool.take() is first
    pool.give_back(first, clean=False)
    assert ended(first), "nothing of a failed run meets the next one"
    second = pool.take()
    assert second is not first
    pool.give_back(second, clean=True)


def test_runs_side_by_side_have_processes_of_their_own_and_one_waits(make: Make) -> None:
    pool = make()
    one, two = pool.take(), pool.take()
    assert one.mark.pid != two.mark.pid
    pool.give_back(one, clean=True)
    pool.give_back(two, clean=True)
    assert not ended(one)
    assert ended(two)


def test_a_process_serves_so_many_runs(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "_MOST_RUNS", 2)
    pool = make()
    first = pool.take()
    pool.give_back(first, clean=True)
    pool.give_back(pool.take(), clean=True)
    assert ended(first)


def test_a_process_waits_for_so_long(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(drivers, "_IDLE_SECONDS", 0.05)
    pool = make()
    driver = pool.take()
    pool.give_back(driver, clean=True)
    until(lambda: ended(driver), bool)
    until(lambda: list((tmp_path / "drivers").iterdir()), lambda found: not found)


def test_a_process_that_died_while_it_waited_serves_nobody(make: Make) -> None:
    pool = make()
    driver = pool.take()
    pool.give_back(driver, clean=True)
    psutil.Process(driver.mark.pid).kill()
    until(lambda: driver.alive, lambda alive: not alive)
    other = pool.take()
    assert other is not driver
    pool.give_back(other, clean=True)


def test_closing_ends_those_that_wait_and_those_that_come_back(make: Make) -> None:
    pool = make()
    waiting, working = pool.take(), pool.take()
    pool.give_back(waiting, clean=True)
    pool.close()
    assert ended(waiting)
    assert not ended(working)
    pool.give_back(working, clean=True)
    assert ended(working)


def test_a_run_finds_gateway_and_libraries(make: Make) -> None:
    pool = make()
    driver = pool.take()
    program = Program("job", Path("job.py"), [], {"--py-files": [Path("a.zip"), Path("b.zip")]}, {})
    assert driver.variables(program) == {
        "PYSPARK_GATEWAY_PORT": "4321",
        "PYSPARK_GATEWAY_SECRET": "the secret",
        "PYTHONPATH": "a.zip:b.zip",
    }
    assert driver.command(Path("run.json"))[-1] == "run.json"
    pool.give_back(driver, clean=True)


def test_lines_of_the_process_are_the_runs_while_it_lasts(make: Make) -> None:
    pool = make()
    driver = pool.take()

    def tell(word: str) -> None:
        assert driver._process.stdin is not None
        driver._process.stdin.write(f"{word}\n".encode())
        driver._process.stdin.flush()

    lines: list[bytes] = []
    driver.tell(lines.append)
    tell("of the run")
    until(lambda: lines, lambda found: found == [b"told of the run\n"])
    pool.give_back(driver, clean=True)
    tell("of nobody")
    later: list[bytes] = []
    pool.take().tell(later.append)
    tell("of the next")
    until(lambda: later, lambda found: b"told of the next\n" in found)
    assert lines == [b"told of the run\n"]
    pool.give_back(driver, clean=True)


def test_a_process_without_a_gateway_says_what_it_printed(make: Make) -> None:
    pool = make("print('no Java here'); raise SystemExit(3)")
    with pytest.raises(DriverError, match="opened no gateway:\nno Java here"):
        pool.take()


@pytest.mark.parametrize(
    ("files", "properties", "fits"),
    [
        ({}, {}, True),
        ({"--py-files": [Path("a.zip")]}, {"spark.sql.shuffle.partitions": "8"}, True),
        ({"--jars": [Path("a.jar")]}, {}, False),
        ({"--files": [Path("a.txt")]}, {}, False),
        ({}, {"spark.driver.memory": "4g"}, False),
        ({}, {"spark.driver.extraJavaOptions": "-Xss4m"}, False),
        ({}, {"spark.jars.packages": "a:b:1"}, False),
    ],
)
def test_what_a_java_process_takes_at_its_start_needs_a_new_one(
    files: dict[str, list[Path]], properties: dict[str, str], fits: bool
) -> None:
    assert Program("job", Path("job.py"), [], files, properties).fits_any_driver is fits
