"""The export of rules as DQDL: meaning of each kind, form of the file, and that committed files are current."""

from __future__ import annotations

import re
import shutil

import pytest

from ecommerce_dwh.contracts import Rule, load_contracts
from ecommerce_dwh.rules import KINDS, NotExpressible
from tools.generate.dqdl import FOLDER, REPO, files, main, ruleset


def share(broken, allowed, where=""):
    filled = f" where {where}" if where else ""
    average = f"select coalesce(avg(case when {broken} then 1.0 else 0.0 end), 0.0) from primary{filled}"
    return f'CustomSql "{average}" <= {allowed}'


def rule(kind, *columns, threshold=0.0, **arguments):
    return Rule("a_rule", "validity", "error", kind, columns, arguments, threshold, "words")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (rule("not_null", "a"), 'IsComplete "a"'),
        (rule("not_null", "a", threshold=0.05), 'Completeness "a" >= 0.95'),
        (rule("row_count", minimum=10), "RowCount >= 10"),
        (rule("accepted_values", "a", values=["x", 'y"z']), 'ColumnValues "a" in ["x", "y\\"z", NULL]'),
        (rule("max_length", "a", length=5), 'ColumnLength "a" <= 5 where "a is not null"'),
        (rule("range", "a", minimum=0), 'ColumnValues "a" >= 0 where "a is not null"'),
        (rule("range", "a", maximum=1.50), 'ColumnValues "a" <= 1.5 where "a is not null"'),
        (
            rule("range", "a", minimum=0, maximum=9),
            share("a < 0 or a > 9", 0, "a is not null"),
        ),
        (
            rule("accepted_values", "a", values=["x", "it's", 3], threshold=0.1),
            share(r"a not in ('x', 'it\'s', 3)", 0.1, "a is not null"),
        ),
        (
            rule("pattern", "a", pattern=r"^\d+$", threshold=0.02),
            share(r"not a rlike r'^\d+$'", 0.02, "a is not null"),
        ),
        (rule("expression", "a", expression="a >\n  0"), share("not coalesce(a > 0, true)", 0)),
        (
            rule("referential", "a", to_source="orders", to_column="id", threshold=0.05),
            'ReferentialIntegrity "a" "orders.id" >= 0.95',
        ),
        (
            rule("referential", "a", to_source="orders", to_column="id"),
            'ReferentialIntegrity "a" "orders.id" = 1',
        ),
    ],
)
def test_each_kind_means_the_same(given, expected):
    assert KINDS[given.kind].dqdl(given) == expected


def test_rows_that_share_a_key_count_as_in_our_job():
    assert "group by delivery_date, id" in KINDS["unique"].dqdl(rule("unique", "delivery_date", "id"))


@pytest.mark.parametrize(
    "given", [rule("quarantine_ratio"), rule("pattern", "a", pattern=r"\'", threshold=0.1)]
)
def test_what_cannot_be_said_is_not_said_wrongly(given):
    with pytest.raises(NotExpressible):
        KINDS[given.kind].dqdl(given)


def test_every_ruleset_has_the_form_that_glue_asks_for():
    contracts = load_contracts(REPO / "include" / "sources")
    assert contracts
    for contract in contracts.values():
        text = ruleset(contract)
        assert text.startswith("Rules = [\n")
        assert text.endswith("]\n")
        lines = [line.strip() for line in text.splitlines()[1:-1]]
        rules = [line for line in lines if not line.startswith("#")]
        assert rules
        assert all(line.endswith(",") for line in rules[:-1])
        assert not rules[-1].endswith(",")
        for line in rules:
            assert re.sub(r'\\"', "", line).count('"') % 2 == 0, line
        assert {name for entry in contract.rules for name in [entry.name] if f"# {name} (" not in text} == set()


def test_committed_rulesets_are_what_the_contracts_say(capsys):
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_drift_is_found_and_mended(tmp_path, capsys):
    shutil.copytree(REPO / "include" / "sources", tmp_path / "include" / "sources")
    assert main(["--check"], root=tmp_path) == 1
    assert main([], root=tmp_path) == 0
    assert main(["--check"], root=tmp_path) == 0
    (tmp_path / FOLDER / "orders.dqdl").write_text("Rules = []\n", "utf-8")
    (tmp_path / FOLDER / "gone.dqdl").write_text("Rules = []\n", "utf-8")
    assert main(["--check"], root=tmp_path) == 1
    assert "2 of 5 generated files are not current" in capsys.readouterr().err
    assert main([], root=tmp_path) == 0
    assert {path.relative_to(tmp_path).as_posix() for path in (tmp_path / FOLDER).iterdir()} == set(
        files(load_contracts(REPO / "include" / "sources"))
    )


def test_one_ruleset_is_printed(capsys):
    assert main(["--print", "orders"]) == 0
    assert capsys.readouterr().out.startswith("Rules = [")
    assert main(["--print", "nothing"]) == 2
