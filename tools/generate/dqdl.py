"""Exports the contracts' rules as AWS Glue Data Quality rulesets (DQDL), for those who want them in the console.

``python -m tools.generate.dqdl`` writes ``include/generated/dqdl/<source>.dqdl``; ``--check``, which CI runs, writes
nothing and fails with a diff when a file differs from what the contracts say; ``--print <source>`` shows one. The rules
speak of accepted rows (``accepted/<source>/`` in the processed bucket), as our own quality job does.

A rule type of DQDL is used where it means exactly what ours means; else ``CustomSql`` computes the failing share as our
job does, because DQDL counts a null as a failure and a threshold over all rows, and ours looks at filled values only. A
rule that DQDL cannot express is a comment that says so. DQDL knows no severity: Glue's verdict counts warnings too.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from ecommerce_dwh.contracts import ContractError, Rule, SourceContract, load_contracts

FOLDER = Path("include") / "generated" / "dqdl"
REPO = Path(__file__).resolve().parents[2]


class NotExpressible(Exception):
    """DQDL has no words for a rule; the message says why."""


def ruleset(contract: SourceContract) -> str:
    """The ruleset of one source. Comments stand inside the brackets: Airflow's operator asks that a text begins with
    ``Rules`` and ends with ``]``."""
    entries: list[str] = []
    for rule in contract.rules:
        entries.append(f"    # {rule.name} ({rule.dimension}, {rule.severity}): {_one_line(rule.description)}")
        try:
            entries.append(f"    {expression(rule)},")
        except NotExpressible as why:
            entries.append(f"    # not expressible in DQDL: {why}")
    for place in range(len(entries) - 1, -1, -1):  # no comma behind the last rule
        if not entries[place].lstrip().startswith("#"):
            entries[place] = entries[place].removesuffix(",")
            break
    head = f"    # {contract.name} {contract.version}: generated from include/sources; run make generate"
    return "\n".join(["Rules = [", head, *entries, "]"]) + "\n"


def expression(rule: Rule) -> str:
    """One rule in DQDL.

    Raises:
        NotExpressible: DQDL cannot say it, or not with the same meaning.
    """
    column, arguments = rule.column, rule.arguments
    if rule.kind == "not_null":
        if not rule.threshold:
            return f"IsComplete {_quoted(column)}"
        return f"Completeness {_quoted(column)} >= {_number(1 - Decimal(str(rule.threshold)))}"
    if rule.kind == "row_count":
        return f"RowCount >= {_number(arguments['minimum'])}"
    if rule.kind == "quarantine_ratio":
        raise NotExpressible("rejected rows are not among the accepted ones; processing counts them")
    if rule.kind == "history":
        raise NotExpressible(
            "DQDL has no weekday-aware robust z-score; its dynamic rules compare with plain averages"
        )
    if rule.kind == "referential":
        other = _quoted(f"{arguments['to_source']}.{arguments['to_column']}")
        share = _number(1 - Decimal(str(rule.threshold)))
        return f"ReferentialIntegrity {_quoted(column)} {other} {'=' if share == '1' else '>='} {share}"
    if rule.kind == "unique":
        columns = ", ".join(rule.columns)
        shared = "coalesce(sum(case when n > 1 then n else 0 end) / sum(n), 0)"
        keys = f"(select count(*) as n from primary group by {columns}) as keys"  # noqa: S608 - a contract's names
        return _custom(f"select {shared} from {keys}", rule)  # noqa: S608
    if rule.kind == "expression":
        return _share_of(f"not coalesce({_one_line(arguments['expression'])}, true)", "true", rule)
    if rule.threshold == 0:
        simple = _simple(rule)
        if simple:
            return simple
    return _share_of(_broken(rule), f"{column} is not null", rule)


def _simple(rule: Rule) -> str:
    """The rule type of DQDL for a rule on filled values without tolerance; empty when there is none."""
    column, arguments = _quoted(rule.column), rule.arguments
    filled = f"where {_quoted(f'{rule.column} is not null')}"
    if rule.kind == "accepted_values" and all(isinstance(value, str) for value in arguments["values"]):
        return f"ColumnValues {column} in [{', '.join(map(_quoted, arguments['values']))}, NULL]"
    if rule.kind == "max_length":
        return f"ColumnLength {column} <= {_number(arguments['length'])} {filled}"
    low, high = arguments.get("minimum"), arguments.get("maximum")
    if rule.kind == "range" and (low is None) != (high is None):
        bound = f">= {_number(low)}" if high is None else f"<= {_number(high)}"
        return f"ColumnValues {column} {bound} {filled}"
    return ""  # DQDL's "between" leaves the bounds out, and its "matches" must match the whole value


def _broken(rule: Rule) -> str:
    """When a filled value breaks the rule, in Spark SQL."""
    column, arguments = rule.column, rule.arguments
    if rule.kind == "accepted_values":
        return f"{column} not in ({', '.join(map(_literal, arguments['values']))})"
    if rule.kind == "pattern":
        return f"not {column} rlike {_literal(arguments['pattern'])}"
    if rule.kind == "max_length":
        return f"length({column}) > {_number(arguments['length'])}"
    if rule.kind == "range":
        low, high = arguments.get("minimum"), arguments.get("maximum")
        parts = [f"{column} < {_number(low)}"] if low is not None else []
        parts += [f"{column} > {_number(high)}"] if high is not None else []
        return " or ".join(parts)
    raise NotExpressible(f"rules of kind {rule.kind} have no counterpart")


def _share_of(broken: str, looked_at: str, rule: Rule) -> str:
    where = "" if looked_at == "true" else f" where {looked_at}"
    share = f"coalesce(avg(case when {broken} then 1.0 else 0.0 end), 0.0)"
    return _custom(f"select {share} from primary{where}", rule)  # noqa: S608 - a contract's own words


def _custom(sql: str, rule: Rule) -> str:
    return f"CustomSql {_quoted(sql)} <= {_number(rule.threshold)}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def _literal(value: Any) -> str:
    """A value in Spark SQL; raw where it has backslashes, so that a pattern reads as it is written."""
    if isinstance(value, bool) or not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else _number(value)
    if "\\" not in value:
        return "'" + value.replace("'", "\\'") + "'"
    if "'" in value:
        raise NotExpressible("the pattern has both a backslash and a quote")
    return f"r'{value}'"


def _number(value: Any) -> str:
    text = f"{Decimal(str(value)):f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def _one_line(text: str) -> str:
    return " ".join(str(text).split())


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
