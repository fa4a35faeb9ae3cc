"""Local stack: starts, stops and shows everything that the DAG package needs on a laptop. Never deployed.

The packages that play AWS come from this checkout, whatever the environment has installed: several checkouts may share
their environments (``DWH_LOCAL_VENVS``).
"""

import sys
from pathlib import Path

for _source in sorted(Path(__file__).resolve().parents[1].glob("packages/*/src"), reverse=True):
    if str(_source) in sys.path:
        sys.path.remove(str(_source))
    sys.path.insert(0, str(_source))
