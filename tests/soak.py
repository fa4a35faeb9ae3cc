"""Random histories against the guarantees for as long as one likes: ``make soak``.

Runs ``tests/histories`` in batches of some 500 histories (profile ``soak`` in ``tests/histories/worlds.py``),
each with a seed of its own, one batch per core. What counts is what Hypothesis reports as passed, and it is noted after
each batch: stopped at any time, the next call goes on. A batch that fails is not counted, prints the history that broke
the guarantee, and is the first one of the next call.

    .venv/local/bin/python -m tests.soak [--examples 10000] [--minutes 0] [--lanes 2] [--again] [--after 0]
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import sys
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.run import REPO, Suite, run_pytest

_STATISTICS = "hypothesis-statistics-"  # what Hypothesis' pytest plugin calls them in a JUnit report
_INTERRUPTED = 2  # pytest.ExitCode
_PASSED = re.compile(r"(\d+) passing, \d+ failing")


@dataclass
class Soak:
    """Which seeds are done, kept in a file.

    Attributes:
        file: where the progress is noted.
        done: the histories that passed under each seed.
        before: seeds up to this one belong to an earlier soak (``--again``).
        seconds: how long the calls took so far, by the clock.
    """

    file: Path
    done: dict[int, int] = field(default_factory=dict)
    before: int = 0
    seconds: float = 0.0
    _running: set[int] = field(default_factory=set)
    _noted: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def resume(cls, file: Path, *, again: bool = False) -> Soak:
        """What an earlier call noted, or, with ``again``, nothing but the seeds it has used."""
        noted = json.loads(file.read_text()) if file.exists() else {}
        done = {int(seed): examples for seed, examples in noted.get("done", {}).items()}
        before = noted.get("before", 0)
        if again:
            return cls(file, before=max(done, default=before))
        return cls(file, done, before, noted.get("seconds", 0.0))

    @property
    def examples(self) -> int:
        """Histories that passed so far."""
        return sum(self.done.values())

    def take(self) -> int:
        """The lowest seed that is neither done nor running."""
        with self._lock:
            seed = self.before + 1
            while seed in self.done or seed in self._running:
                seed += 1
            self._running.add(seed)
            return seed

    def note(self, seed: int, examples: int) -> None:
        """A batch passed."""
        with self._lock:
            self.done[seed] = examples
            now = time.monotonic()
            self.seconds += now - self._noted
            self._noted = now
            self.file.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps({"before": self.before, "done": self.done, "seconds": round(self.seconds, 1)})
            whole = self.file.with_suffix(".new")
            whole.write_text(text)
            whole.replace(self.file)


def passed_examples(report: Path) -> int:
    """Histories that passed, by the statistics that Hypothesis writes into a JUnit report; none without a report."""
    if not report.exists():
        return 0
    texts = (
        base64.b64decode(entry.get("value", "")).decode()
        for entry in ET.parse(report).getroot().iter("property")
        if entry.get("name", "").startswith(_STATISTICS)
    )
    return sum(int(number) for text in texts for number in _PASSED.findall(text))


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code of a batch that failed, else 0."""
    parser = argparse.ArgumentParser(prog="tests.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=10_000, help="how many in all, earlier calls counted")
    parser.add_argument("--minutes", type=float, default=0, help="start no batch after this time; 0: no limit")
    parser.add_argument("--lanes", type=int, default=os.cpu_count() or 1, help="batches side by side")
    parser.add_argument("--again", action="store_true", help="forget earlier calls, with new seeds")
    parser.add_argument("--after", type=int, default=0, help="use no seed up to this one")
    parser.add_argument("--only", default="", metavar="NAMES", help="as pytest -k")
    parser.add_argument("--tests", type=Path, default=REPO / "tests" / "histories", help="other property tests")
    parser.add_argument("--folder", type=Path, default=REPO / "artifacts" / "soak", help="progress and logs")
    options = parser.parse_args(arguments)
    soak = Soak.resume(options.folder / "progress.json", again=options.again)
    soak.before = max(soak.before, options.after)
    began = time.monotonic()
    codes: list[int] = []

    def more() -> bool:
        in_time = not options.minutes or time.monotonic() - began < options.minutes * 60
        return in_time and not codes and soak.examples < options.examples

    def lane() -> None:
        while more():
            seed = soak.take()
            started = time.monotonic()
            batch = Suite(
                f"seed-{seed}",
                "local",
                (str(options.tests),),
                ("--timeout=0", f"--hypothesis-seed={seed}", "-k", options.only),
                {"HYPOTHESIS_PROFILE": "soak"},
            )
            code, _, report = run_pytest(batch, quiet=True, results=options.folder)
            examples = passed_examples(report)
            if code or not examples:
                codes.append(code or 1)
                if code == _INTERRUPTED:
                    print(f"seed {seed} was interrupted", flush=True)
                else:
                    log = report.with_suffix(".log")
                    print(
                        f"{log.read_text(errors='replace')}\nseed {seed} failed; see above, or {log}",
                        flush=True,
                    )
                return
            soak.note(seed, examples)
            took = f"seed {seed}: {examples:,} histories in {_clock(time.monotonic() - started)}"
            total = f"{soak.examples:,} of {options.examples:,} in {_clock(soak.seconds)}"
            print(f"{took}; so far {total}", flush=True)

    with ThreadPoolExecutor(max(1, options.lanes)) as pool:
        for running in [pool.submit(lane) for _ in range(max(1, options.lanes))]:
            running.result()
    if not codes and soak.examples < options.examples:
        print(f"time is up; {soak.examples:,} of {options.examples:,} histories so far")
    return codes[0] if codes else 0


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


if __name__ == "__main__":
    sys.exit(main())
