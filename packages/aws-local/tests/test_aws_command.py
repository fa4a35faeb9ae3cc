"""The command ``aws-local`` as a person starts it."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from aws_local.testing import free_port

COMMAND = [sys.executable, "-m", "aws_local"]


@dataclass
class Running:
    """A process, its data folder, and the variables that it printed."""

    process: subprocess.Popen[str]
    data: Path
    variables: dict[str, str]

    def interrupt(self) -> int:
        """Send Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)

    def client(self, service: str, monkeypatch: pytest.MonkeyPatch) -> Any:
        """A client that knows nothing but the printed variables: the default session keeps the first ones it saw."""
        for name, value in self.variables.items():
            monkeypatch.setenv(name, value)
        return boto3.Session().client(service, config=Config(inject_host_prefix=False))


def start(data: Path) -> Running:
    command = [*COMMAND, "--port", str(free_port()), "--data", str(data)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    variables = {}
    for line in process.stdout:
        if line.startswith("  export "):
            name, _, value = line.removeprefix("  export ").strip().partition("=")
            variables[name] = value
        if line.startswith("Data: "):
            break
    return Running(process, data, variables)


def refused(*options: str) -> str:
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_what_it_prints_is_enough_and_what_it_keeps_is_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start(tmp_path / "data")
    s3 = first.client("s3", monkeypatch)
    s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    s3.put_object(Bucket="lake", Key="a", Body=b"kept")
    with pytest.raises(ClientError, match="does not serve this: MWAA"):
        first.client("mwaa", monkeypatch).list_environments()

    port = first.variables["AWS_ENDPOINT_URL"].rpartition(":")[2]
    taken = refused("--port", port, "--data", str(tmp_path / "other"))
    assert "aws-local cannot start" in taken
    assert "in use" in taken
    assert "already uses" in refused("--port", str(free_port()), "--data", str(first.data))
    assert first.interrupt() == 0
    assert not [path for path in first.data.rglob("*") if path.stat().st_mode & 0o077]

    second = start(first.data)
    assert second.client("s3", monkeypatch).get_object(Bucket="lake", Key="a")["Body"].read() == b"kept"
    assert second.interrupt() == 0


def test_a_wrong_name_of_a_host_is_refused(tmp_path: Path) -> None:
    done = refused("--port", str(free_port()), "--data", str(tmp_path), "--allowed-hosts", "a/b")
    assert "--allowed-hosts has 'a/b', which is no host name" in done
