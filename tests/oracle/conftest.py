"""Spark and lake of the tests of the Glue jobs, in an environment that has Great Expectations as well."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
GLUE = REPO / "tests" / "glue"
sys.path[:0] = [str(REPO), str(GLUE)]

_spec = spec_from_file_location("glue_conftest", GLUE / "conftest.py")
assert _spec is not None
assert _spec.loader is not None
_glue = module_from_spec(_spec)
sys.modules["glue_conftest"] = _glue
_spec.loader.exec_module(_glue)

spark, contracts, new_lake, real = _glue.spark, _glue.contracts, _glue.new_lake, _glue.real
