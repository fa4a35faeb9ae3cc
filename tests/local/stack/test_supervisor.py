"""The supervisor with stand-in components: order, healing, busy ports, deaths, clean stops."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from local.config import LocalConfig
from local.stack.ports import Port, PortTakenError, answers, free_port
from local.stack.steps import Chore, Plan, Service
from local.stack.supervisor import Stack, StackError

LISTENER = """
import socket, sys, time
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
time.sleep(600)
"""

# A component whose worker left its session, and which ignores SIGTERM.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(600)
"""

# A component whose worker ignores SIGTERM and outlives it.
FAMILY = """
import subprocess, sys, time
worker = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", worker], stdout=subprocess.PIPE)
child.stdout.readline()
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(600)
"""


@pytest.fixture
def config(tmp_path: Path) -> LocalConfig:
    return LocalConfig(home=tmp_path / "home")


@pytest.fixture
def build(config: LocalConfig) -> Iterator[Callable[..., Stack]]:
    """Makes stacks out of steps, and takes them down in the end."""
    stacks: list[Stack] = []

    def make(*steps: Service | Chore) -> Stack:
        stacks.append(Stack(config, Plan(steps)))
        return stacks[-1]

    yield make
    for stack in stacks:
        stack.down()


def environ(config: LocalConfig) -> dict[str, str]:
    return {**os.environ, "DWH_LOCAL_HOME": str(config.home), "DWH_LOCAL_COMPONENT": "1"}


def listener(config: LocalConfig, name: str, number: int, needs: tuple[str, ...] = ()) -> Service:
    return Service(
        name,
        name.title(),
        [sys.executable, "-c", LISTENER, str(number)],
        environ(config),
        ready=lambda _since: answers("127.0.0.1", number),
        needs=needs,
        ports=(Port(number, f"the {name}", f"DWH_LOCAL_{name.upper()}_PORT"),),
        start_seconds=20,
        grace_seconds=3,
    )


def script(config: LocalConfig, name: str, code: str, *arguments: str, **options: object) -> Service:
    return Service(
        name,
        name.title(),
        [sys.executable, "-c", code, *arguments],
        environ(config),
        **options,  # type: ignore[arg-type]
    )


def parent(config: LocalConfig, name: str, code: str, note: Path, **options: object) -> Service:
    """A component whose child's pid is in the note as soon as it is ready."""
    return script(
        config, name, code, str(note), ready=lambda _since: note.exists() and note.read_text() != "", **options
    )


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def wait_for(what: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def test_steps_start_in_the_order_of_their_needs(
    config: LocalConfig, build: Callable[..., Stack], tmp_path: Path
) -> None:
    number = free_port()
    check = (
        f"import socket; socket.create_connection(('127.0.0.1', {number})); open({str(tmp_path / 'ok')!r}, 'w')"
    )
    chore = Chore("chore", "Chore", [sys.executable, "-c", check], environ(config), needs=("first",))
    stack = build(chore, listener(config, "first", number))
    assert stack.up() is True
    assert (tmp_path / "ok").exists()
    assert [state.state for state in stack.status()] == ["running"]


def test_a_second_up_leaves_healthy_components_alone(config: LocalConfig, build: Callable[..., Stack]) -> None:
    stack = build(listener(config, "one", free_port()))
    stack.up()
    (before,) = stack.status()
    assert Stack(config, stack.plan).up() is False
    (after,) = stack.status()
    assert after.pid == before.pid


def test_a_second_up_replaces_what_died(config: LocalConfig, build: Callable[..., Stack]) -> None:
    stack = build(listener(config, "one", free_port()), listener(config, "two", free_port()))
    stack.up()
    one, two = stack.status()
    assert one.pid is not None
    os.kill(one.pid, signal.SIGKILL)
    wait_for(lambda: stack.status()[0].state == "crashed")
    assert stack.up() is True
    healed, untouched = stack.status()
    assert healed.state == "running"
    assert healed.pid != one.pid
    assert untouched.pid == two.pid


@pytest.mark.parametrize("needs", [(), ("two",)], ids=["after it was found ready", "before it is looked at"])
def test_what_dies_while_the_rest_comes_up_is_started_again(
    config: LocalConfig, build: Callable[..., Stack], tmp_path: Path, needs: tuple[str, ...]
) -> None:
    note = tmp_path / "child"
    one = parent(config, "one", FAMILY, note, grace_seconds=0.5)
    two = listener(config, "two", free_port())
    stack = build(one, two)
    stack.up()
    first, second = stack.status()
    assert first.pid is not None
    assert second.pid is not None
    child = psutil.Process(int(note.read_text()))
    os.kill(second.pid, signal.SIGKILL)
    wait_for(lambda: stack.status()[1].state == "crashed")

    def ready(since: float) -> bool:
        """The first is found alive, and is dead when the second is ready."""
        if stack.status()[0].pid == first.pid:
            os.kill(first.pid, signal.SIGKILL)
            wait_for(lambda: stack.status()[0].state == "crashed")
        return two.ready(since)

    assert Stack(config, Plan((replace(one, needs=needs), replace(two, ready=ready)))).up() is True
    assert [state.state for state in stack.status()] == ["running", "running"]
    assert {state.pid for state in stack.status()}.isdisjoint({first.pid, second.pid})
    wait_for(lambda: is_gone(child))


def test_a_busy_port_names_port_holder_and_variable(config: LocalConfig, build: Callable[..., Stack]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        stack = build(listener(config, "other", free_port()), listener(config, "web", number))
        with pytest.raises(PortTakenError) as caught:
            stack.up()
        message = str(caught.value)
        assert str(number) in message
        assert f"process {os.getpid()}" in message
        assert "DWH_LOCAL_WEB_PORT=" in message
        # Nothing was started: the ports are looked at first.
        assert [state.state for state in stack.status()] == ["stopped", "stopped"]


def test_a_component_that_dies_at_start_shows_the_end_of_its_log(
    config: LocalConfig, build: Callable[..., Stack]
) -> None:
    code = "for n in range(50): print('line', n)\nraise SystemExit('no such cluster')"
    stack = build(script(config, "broken", code, ready=lambda _since: False))
    with pytest.raises(StackError) as caught:
        stack.up()
    lines = str(caught.value).splitlines()
    assert "Broken ended with exit code 1" in lines[0]
    assert lines[-1].strip() == "no such cluster"
    assert len(lines) == 22
    assert str(stack.book.log_path("broken")) in lines[1]


def test_a_failing_chore_stops_the_start(config: LocalConfig, build: Callable[..., Stack]) -> None:
    chore = Chore("chore", "Chore", [sys.executable, "-c", "raise SystemExit('no bucket')"], environ(config))
    never = listener(config, "never", free_port(), needs=("chore",))
    stack = build(chore, never)
    with pytest.raises(StackError, match="no bucket"):
        stack.up()
    assert stack.status()[0].state == "stopped"


def test_a_component_that_never_gets_ready_is_reported(
    config: LocalConfig, build: Callable[..., Stack]
) -> None:
    slow = script(config, "slow", "import time; time.sleep(60)", ready=lambda _since: False, start_seconds=0.5)
    with pytest.raises(StackError, match="not ready after"):
        build(slow).up()


def test_a_missing_program_points_to_setup(config: LocalConfig, build: Callable[..., Stack]) -> None:
    service = Service("gone", "Gone", ["/nowhere/python"], environ(config), ready=lambda _since: True)
    with pytest.raises(StackError, match="make setup"):
        build(service).up()


def test_down_stops_children_even_of_a_component_that_ignores_it(
    config: LocalConfig, build: Callable[..., Stack], tmp_path: Path
) -> None:
    note = tmp_path / "child"
    stack = build(parent(config, "stubborn", STUBBORN, note, grace_seconds=0.5))
    stack.up()
    child = psutil.Process(int(note.read_text()))
    assert stack.down() == ["stubborn"]
    wait_for(lambda: is_gone(child))
    assert [state.state for state in stack.status()] == ["stopped"]


def test_down_after_a_crash_ends_orphans(
    config: LocalConfig, build: Callable[..., Stack], tmp_path: Path
) -> None:
    note = tmp_path / "child"
    stack = build(parent(config, "parent", STUBBORN, note))
    stack.up()
    child = psutil.Process(int(note.read_text()))
    (state,) = stack.status()
    assert state.pid is not None
    os.kill(state.pid, signal.SIGKILL)
    wait_for(lambda: stack.book.find("parent") is None)
    assert child.is_running()
    stack.down()
    wait_for(lambda: is_gone(child))


def test_a_reused_pid_is_left_alone(config: LocalConfig, build: Callable[..., Stack]) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        stack = build(listener(config, "one", free_port()))
        config.run_dir.mkdir(parents=True)
        # As left behind before a reboot: the pid is the stranger's now.
        (config.run_dir / "one.pid").write_text(
            f'{{"pid": {stranger.pid}, "created": 1000.0, "log_offset": 0}}'
        )
        assert stack.status()[0].state == "crashed"
        stack.down()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_two_commands_do_not_change_a_stack_at_once(config: LocalConfig, build: Callable[..., Stack]) -> None:
    stack = build(listener(config, "one", free_port()))
    with stack._exclusive(), pytest.raises(StackError, match="Another command"):
        Stack(config, stack.plan).up()


def test_reset_forgets_the_state(config: LocalConfig, build: Callable[..., Stack]) -> None:
    stack = build(listener(config, "one", free_port()))
    stack.up()
    for folder in (config.aws_dir, config.postgres_dir, config.mail_dir):
        folder.mkdir(parents=True)
    stack.reset()
    left = [path.name for path in config.home.iterdir()]
    assert left == ["stack.lock"]
