"""Rule kinds: one module each, all of them registered, documented, and described in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecommerce_dwh import rules
from ecommerce_dwh.contracts import TYPES
from ecommerce_dwh.rules import KINDS, Asked, NotExpressible, Rule

REPO = Path(__file__).resolve().parents[2]
PARTS = {
    "__init__",
    "counted",
    "dqdl",
    "kind",
    "rule",
    "standing",
}  # of the package; every other module is a kind
# A rule of each kind as a contract asks for it: columns and arguments.
ASKED: dict[str, tuple[tuple[str, ...], dict[str, object]]] = {
    "not_null": (("word",), {}),
    "unique": (("word", "amount"), {}),
    "accepted_values": (("word",), {"values": ["a"]}),
    "range": (("amount",), {"minimum": 0}),
    "pattern": (("word",), {"pattern": "^a"}),
    "max_length": (("word",), {"length": 3}),
    "expression": ((), {"expression": "amount > 0"}),
    "row_count": ((), {"minimum": 1}),
    "quarantine_ratio": ((), {"minimum_rows": 2}),
    "referential": (("word",), {"to_source": "other", "to_column": "id"}),
    "history": ((), {"metric": "rows"}),
    "rejected_files": ((), {}),
    "conflicts": ((), {}),
    "columns": ((), {}),
    "null_words": ((), {}),
    "key_spelling": ((), {}),
    "filled": ((), {}),
}
TYPES_OF = {"word": TYPES["varchar"], "amount": TYPES["decimal"]}


def asked(kind: str, **changes: object) -> Asked:
    columns, arguments = ASKED[kind]
    return Asked(
        "a_rule",
        columns,
        {**arguments, **changes},
        TYPES_OF,
        {"word": "varchar(9)", "amount": "decimal(9,2)"},
        lambda argument, message: ValueError(f"{argument}: {message}"),
    )


def test_every_kind_is_a_module_of_its_name() -> None:
    modules = {path.stem for path in Path(str(rules.__file__)).parent.glob("*.py")} - PARTS
    assert modules == set(KINDS) == set(ASKED)
    for name, kind in KINDS.items():
        assert type(kind).__module__ == f"ecommerce_dwh.rules.{name}"


def test_every_kind_is_in_the_documentation() -> None:
    text = (REPO / "docs" / "contracts.md").read_text("utf-8")
    for name, kind in KINDS.items():
        assert f"| `{name}` | {kind.meaning} |" in text
        for argument in kind.must | kind.may:
            assert f"`{argument}`" in kind.meaning


@pytest.mark.parametrize("name", KINDS)
def test_a_usable_rule_of_each_kind_is_accepted_and_said_in_words(name: str) -> None:
    kind, given = KINDS[name], asked(name)
    kind.check(given)
    rule = Rule("a_rule", "validity", "error", name, given.columns, kind.completed(given.arguments))
    assert kind.sentence(rule)[:1].strip()
    try:
        assert kind.dqdl(rule)
    except NotExpressible as why:
        assert str(why)


@pytest.mark.parametrize(
    ("name", "argument"), [(name, argument) for name, (_, given) in ASKED.items() for argument in given]
)
@pytest.mark.parametrize(
    "odd", [None, True, [], {}, "", -1, float("inf"), 10**400], ids=lambda odd: repr(odd)[:12]
)
def test_an_odd_argument_is_refused_by_name(name: str, argument: str, odd: object) -> None:
    """Which odd values a kind can use after all is listed; every other is refused with the argument's name."""
    usable = {("range", "minimum"): (-1,), ("quarantine_ratio", "minimum_rows"): (None,)}
    if odd in usable.get((name, argument), ()) and not isinstance(odd, bool):
        KINDS[name].check(asked(name, **{argument: odd}))
        return
    with pytest.raises(ValueError, match=argument):
        KINDS[name].check(asked(name, **{argument: odd}))
