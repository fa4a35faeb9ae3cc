"""Random histories against the guarantees for as long as one likes: ``make soak``.

Runs the property tests of ``tests/sql`` in batches of 500 examples, each batch with a seed of its own, and notes after
each how far it came: stopped at any time, the next call goes on. A failing batch is not counted, prints the history
that broke the guarantee, and is the first one of the next call.

    .venv/local/bin/python tests/soak.py [--examples 10000] [--minutes 0] [--again]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
PROGRESS = REPO / "artifacts" / "soak.json"
BATCH = 500  # examples of the profile "ci", tests/sql/worlds.py


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code of the first batch that fails, else 0."""
    parser = argparse.ArgumentParser(prog="tests/soak.py", description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=10_000, help="how many in all, earlier calls counted")
    parser.add_argument("--minutes", type=float, default=0, help="start no batch after this time; 0: no limit")
    parser.add_argument("--again", action="store_true", help="forget earlier calls, with new seeds")
    parser.add_argument("--only", default="", metavar="NAMES", help="as pytest -k")
    options = parser.parse_args(arguments)
    progress = {"examples": 0, "seed": 1, "seconds": 0.0}
    if PROGRESS.exists():
        progress |= json.loads(PROGRESS.read_text())
        if options.again:
            progress |= {"examples": 0, "seconds": 0.0}
    began = time.monotonic()
    while progress["examples"] < options.examples:
        if options.minutes and time.monotonic() - began > options.minutes * 60:
            print(f"time is up; {progress['examples']:,} of {options.examples:,} examples so far")
            return 0
        started = time.monotonic()
        code = subprocess.call(
            [sys.executable, "-m", "pytest", "tests/sql", "-m", "hypothesis", "--quiet", "--timeout=0",
             f"--hypothesis-seed={int(progress['seed'])}", *(["-k", options.only] if options.only else [])],
            cwd=REPO,
            env={**os.environ, "HYPOTHESIS_PROFILE": "ci"},
        )  # fmt: skip
        if code:
            print(f"seed {progress['seed']:.0f} broke a guarantee; see above")
            return code
        progress["seconds"] += time.monotonic() - started
        progress["examples"] += BATCH
        progress["seed"] += 1
        PROGRESS.parent.mkdir(parents=True, exist_ok=True)
        PROGRESS.write_text(json.dumps(progress))
        print(
            f"{progress['examples']:,} of {options.examples:,} examples in {progress['seconds']:.0f} s",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
