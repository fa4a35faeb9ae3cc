"""Runs the script of a Glue run through the gateway of a Java process that serves several runs (`drivers`).

    python driver_main.py RUN.json

The file has ``script``, ``arguments``, ``properties`` (Spark's, of this run alone) and ``clean``, the path of a file
that is made when the script has succeeded and its Spark application is stopped. Runs in the Spark environment, which
has nothing of this package.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path


def main() -> None:
    """Run the script as if it had been started by spark-submit; its exit code is this process's."""
    run = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))

    from pyspark import (
        SparkContext,
    )  # late import: the message of a missing Spark follows that of a missing file

    SparkContext._ensure_initialized()
    system = SparkContext._jvm.java.lang.System  # type: ignore[union-attr]
    for name, value in run["properties"].items():
        system.setProperty(name, value)
    sys.argv = [run["script"], *run["arguments"]]
    sys.path[0] = str(Path(run["script"]).parent)
    try:
        runpy.run_path(run["script"], run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise
    # Reached in success only: of a run that failed the Java process is ended, whatever its state.
    if SparkContext._active_spark_context is not None:
        SparkContext._active_spark_context.stop()
    for name in run["properties"]:
        system.clearProperty(name)
    Path(run["clean"]).touch()


if __name__ == "__main__":
    main()
