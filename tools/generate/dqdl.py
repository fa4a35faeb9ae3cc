"""Exports the contracts' rules as AWS Glue Data Quality rulesets (DQDL), for those who want them in the console.

``python -m tools.generate.dqdl`` writes ``include/generated/dqdl/<source>.dqdl``; ``--check``, which CI runs, writes
nothing and fails with a diff when a file differs from what the contracts say; ``--print <source>`` shows one. The rules
speak of accepted rows (``accepted/<source>/`` in the processed bucket), as our own quality job does.

How a kind of rule is said in DQDL stands in its module of ``ecommerce_dwh.rules``. A rule that DQDL cannot express is a
comment that says so. DQDL knows no severity: Glue's verdict counts warnings too.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Mapping
from pathlib import Path

from ecommerce_dwh.contracts import ContractError, SourceContract, load_contracts
from ecommerce_dwh.rules import KINDS, NotExpressible
from ecommerce_dwh.rules.dqdl import one_line

FOLDER = Path("include") / "generated" / "dqdl"
REPO = Path(__file__).resolve().parents[2]


def ruleset(contract: SourceContract) -> str:
    """The ruleset of one source. Comments stand inside the brackets: Airflow's operator asks that a text begins with
    ``Rules`` and ends with ``]``."""
    entries: list[str] = []
    for rule in contract.rules:
        entries.append(f"    # {rule.name} ({rule.dimension}, {rule.severity}): {one_line(rule.description)}")
        try:
            entries.append(f"    {KINDS[rule.kind].dqdl(rule)},")
        except NotExpressible as why:
            entries.append(f"    # not expressible in DQDL: {why}")
    for place in range(len(entries) - 1, -1, -1):  # no comma behind the last rule
        if not entries[place].lstrip().startswith("#"):
            entries[place] = entries[place].removesuffix(",")
            break
    head = f"    # {contract.name} {contract.version}: generated from include/sources; run make generate"
    return "\n".join(["Rules = [", head, *entries, "]"]) + "\n"


def files(contracts: Mapping[str, SourceContract]) -> dict[Path, str]:
    """Path (relative to the repository) and content of every generated file."""
    return {FOLDER / f"{name}.dqdl": ruleset(contract) for name, contract in contracts.items()}


def main(arguments: list[str] | None = None, *, root: Path = REPO) -> int:
    """Write, check or print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail with a diff when a file is not current"
    )
    parser.add_argument(
        "--print", dest="source", metavar="SOURCE", help="write nothing; print one source's ruleset"
    )
    given = parser.parse_args(arguments)
    try:
        contracts = load_contracts(root / "include" / "sources")
    except ContractError as error:
        print(error, file=sys.stderr)
        return 2
    if given.source:
        if given.source not in contracts:
            print(f"there is no source {given.source}; there are {', '.join(contracts)}", file=sys.stderr)
            return 2
        print(ruleset(contracts[given.source]), end="")
        return 0
    stale = 0
    wanted = files(contracts)
    folder = root / FOLDER
    unknown = sorted(
        path.relative_to(root) for path in folder.glob("*.dqdl") if path.relative_to(root) not in wanted
    )
    for name, text in [*wanted.items(), *((path, "") for path in unknown)]:
        path = root / name
        current = path.read_text("utf-8") if path.exists() else ""
        if current == text:
            continue
        stale += 1
        if given.check:
            sys.stderr.writelines(
                difflib.unified_diff(
                    current.splitlines(True),
                    text.splitlines(True),
                    f"{name} (committed)",
                    f"{name} (contracts)",
                )
            )
        elif text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        else:
            path.unlink()
    if stale and given.check:
        print(
            f"{stale} rulesets are not what the contracts say; run: python -m tools.generate.dqdl",
            file=sys.stderr,
        )
    return 1 if stale and given.check else 0


if __name__ == "__main__":
    sys.exit(main())
