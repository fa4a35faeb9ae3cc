"""The command ``redshift-local`` as a person starts it, and the fixture that the package brings."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redshift_connector

from redshift_local.testing import RunningEndpoint, running

COMMAND = [sys.executable, "-m", "redshift_local"]


def value(endpoint: RunningEndpoint, query: str) -> object:
    with psycopg.connect(endpoint.url) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None


def test_data_outlive_the_endpoint(tmp_path: Path) -> None:
    for _ in range(2):
        with running(tmp_path / "kept") as endpoint, psycopg.connect(endpoint.url) as connection:
            connection.execute("create table if not exists public.kept (a int)")
            connection.execute("insert into public.kept values (1)")
    with running(tmp_path / "kept") as endpoint:
        assert value(endpoint, "select count(*) from public.kept") == 2


def test_it_says_how_to_connect_and_ends_on_interrupt(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", "--data", str(tmp_path / "data")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(4)]
    assert lines[0].startswith("Redshift endpoint: 127.0.0.1:")
    arguments = lines[2].partition("redshift_connector.connect")[2]
    connection = eval(f"redshift_connector.connect{arguments}", {"redshift_connector": redshift_connector})
    connection.close()
    assert "psql -h 127.0.0.1 -p" in lines[1]
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert not (tmp_path / "data" / "postgres" / "postmaster.pid").exists()


def test_only_its_user_can_read_the_data(tmp_path: Path) -> None:
    with running(tmp_path / "private"):
        # PostgreSQL does not run as root; its user may pass through the folder, nobody may list it.
        allowed = 0o001 if os.geteuid() == 0 else 0
        assert (tmp_path / "private").stat().st_mode & 0o077 in {0, allowed}
        assert (tmp_path / "private" / "postgres").stat().st_mode & 0o077 == 0
        assert (tmp_path / "private" / "logs").stat().st_mode & 0o077 == 0


def test_a_taken_port_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = refused("--port", str(port), "--data", str(tmp_path / "data"))
    assert f"port {port} of 127.0.0.1 is not free" in done
    assert "choose another with --port" in done
    assert not (tmp_path / "data").exists()


def test_a_folder_in_use_is_refused_and_left_alone(tmp_path: Path) -> None:
    with running(tmp_path / "shared") as endpoint:
        done = refused("--port", "0", "--data", str(tmp_path / "shared"))
        assert "another redshift-local uses" in done
        assert value(endpoint, "select 1") == 1


def refused(*options: str) -> str:
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_no_product_is_needed(tmp_path: Path) -> None:
    """The package alone on the path, in an empty working folder."""
    source = Path(sys.modules["redshift_local"].__path__[0]).parent
    code = (
        "import sys, pkgutil, importlib, redshift_local\n"
        "for found in pkgutil.walk_packages(redshift_local.__path__, 'redshift_local.'):\n"
        "    found.name.endswith('__main__') or importlib.import_module(found.name)\n"
        "print(sorted(n for n in sys.modules if n.split('.')[0] in ('local', 'ecommerce_dwh', 'aws_local')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


PROJECT = """
import redshift_connector

def test_it(redshift_local):
    connection = redshift_connector.connect(**redshift_local.connection())
    cursor = connection.cursor()
    cursor.execute("select datediff(day, date '2026-01-01', date '2026-01-03')")
    assert cursor.fetchone()[0] == 2
    connection.close()
"""


def test_a_projects_tests_get_the_fixture(tmp_path: Path) -> None:
    (tmp_path / "test_project.py").write_text(PROJECT)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            f"--basetemp={tmp_path / 'b'}",
            ".",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_a_wrong_isolation_level_is_refused() -> None:
    done = subprocess.run([*COMMAND, "--isolation", "dirty"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "snapshot" in done.stderr


@pytest.mark.parametrize("level", ["dirty", ""])
def test_settings_know_the_isolation_levels(level: str, tmp_path: Path) -> None:
    from redshift_local.postgres import Postgres
    from redshift_local.settings import Settings

    with pytest.raises(ValueError, match="snapshot, serializable"):
        Settings(Postgres(tmp_path, tmp_path / "log"), isolation=level)
