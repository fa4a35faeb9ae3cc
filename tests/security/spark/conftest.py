"""The lake and the Spark session of tests/glue, for files that mean harm."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

GLUE = Path(__file__).resolve().parents[2] / "glue"
sys.path[:0] = [str(GLUE), str(Path(__file__).parent)]

_spec = importlib.util.spec_from_file_location("lake_for_tests", GLUE / "conftest.py")
assert _spec is not None
assert _spec.loader is not None
_lake = importlib.util.module_from_spec(_spec)
sys.modules["lake_for_tests"] = _lake
_spec.loader.exec_module(_lake)

spark, contracts, new_lake, lake = _lake.spark, _lake.contracts, _lake.new_lake, _lake.lake
