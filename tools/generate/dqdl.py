"""Exports the contracts' rules as AWS Glue Data Quality rulesets (DQDL), for those who want them in the console.

``python -m tools.generate.dqdl`` writes ``include/generated/dqdl/<source>.dqdl``; ``--check``, which CI runs, writes
nothing and fails with a diff when a file differs from what the contracts say; ``--print <source>`` shows one. The rules
speak of accepted rows (``accepted/<source>/`` in the processed bucket), as our own quality job does.

The module of a rule's kind in ``ecommerce_dwh.rules`` writes the rule in DQDL. A rule that DQDL cannot express is a
comment that says so. DQDL has no severity: Glue's verdict counts warnings too.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from ecommerce_dwh.contracts import ContractError, SourceContract, load_contracts
from ecommerce_dwh.rules import KINDS, NotExpressible
from ecommerce_dwh.rules.dqdl import one_line
from tools.generate.files import REPO, Generator

FOLDER = Path("include") / "generated" / "dqdl"


def ruleset(contract: SourceContract) -> str:
    """The ruleset of one source. Comments are inside the brackets: Airflow's operator asks that a text begins with
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


def files(contracts: Mapping[str, SourceContract]) -> dict[str, str]:
    """Text of every generated file by path relative to the repository."""
    return {f"{FOLDER.as_posix()}/{name}.dqdl": ruleset(contract) for name, contract in contracts.items()}


def _without_contract(root: Path, wanted: Mapping[str, str]) -> list[str]:
    rulesets = sorted((root / FOLDER).glob("*.dqdl"))
    return [name for path in rulesets if (name := path.relative_to(root).as_posix()) not in wanted]


GENERATOR = Generator(
    "tools.generate.dqdl",
    __doc__,
    lambda root: files(load_contracts(root / "include" / "sources")),
    errors=(ContractError,),
    orphans=_without_contract,
)


def main(arguments: list[str] | None = None, root: Path = REPO) -> int:
    """Write, check or print; returns the exit code."""
    parser = GENERATOR.parser()
    parser.add_argument(
        "--print", dest="source", metavar="SOURCE", help="write nothing; print one source's ruleset"
    )
    given = parser.parse_args(arguments)
    if not given.source:
        return GENERATOR.run(root, check=given.check)
    try:
        contracts = load_contracts(root / "include" / "sources")
    except ContractError as error:
        print(error, file=sys.stderr)
        return 2
    if given.source not in contracts:
        print(f"there is no source {given.source}; there are {', '.join(contracts)}", file=sys.stderr)
        return 2
    print(ruleset(contracts[given.source]), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
