"""Whatever a YAML file holds, it is read as a contract or refused with file and line: never a traceback."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecommerce_dwh.contracts import ContractError, SourceContract, load_contract

SOURCES_DIR = Path(__file__).resolve().parents[2] / "include" / "sources"
# One of everything that the reader looks at, in few lines.
WHOLE = yaml.safe_load(
    r"""
apiVersion: v3.0.2
kind: DataContract
id: urn:small
name: small
version: 1.0.0
status: active
description: {purpose: Everything once.}
team: [{username: someone@company.example, role: owner}]
slaProperties: [{property: latency, value: 2, unit: h}]
customProperties:
  - {property: history, value: latest}
  - {property: delivery, value: optional}
  - {property: versionColumn, value: at}
  - {property: distributionColumn, value: id}
  - {property: mergeEntity, value: small_thing}
  - {property: extract, value: {table: shop.small, watermark: changed_at}}
  - {property: amount, value: {column: total, orProductOf: [pieces, price]}}
  - property: sessions
    value: {sessionColumn: id, customerColumn: who, timeColumn: at, clientColumns: [page], gapMinutes: 30}
  - property: derivedColumns
    value: [{name: page_raw, physicalType: varchar(20), derivation: "raw:page", description: As delivered}]
schema:
  - name: small
    properties:
      - {name: id, logicalType: string, physicalType: varchar(64), primaryKey: true, required: true}
      - name: who
        logicalType: string
        physicalType: varchar(64)
        tags: [pii]
        customProperties:
          - {property: personKey, value: true}
          - {property: personValue, value: email}
          - {property: statuses, value: [{status: gone, treatment: excluded, words: [left]}]}
      - name: at
        logicalType: timestamp
        physicalType: timestamp
        customProperties: [{property: dateFormats, value: [M/d/yyyy]}]
      - name: page
        logicalType: string
        physicalType: varchar(200)
        customProperties:
          - {property: urlParameters, value: [page]}
          - {property: lowerCase, value: true}
          - {property: synonyms, value: {a: b}}
        quality:
          - &rule
            name: page_there
            type: custom
            engine: ecommerce-dwh
            dimension: completeness
            severity: warning
            description: There is a page
            implementation: {kind: not_null, threshold: 0.5}
      - {name: pieces, logicalType: integer, physicalType: integer, logicalTypeOptions: {minimum: 1}}
      - {name: price, logicalType: number, physicalType: "decimal(18,4)"}
      - {name: total, logicalType: number, physicalType: "decimal(18,4)"}
    quality:
      - {<<: *rule, name: r1, implementation: {kind: unique, columns: [id, at]}}
      - {<<: *rule, name: r2, implementation: {kind: accepted_values, column: page, values: [a, b]}}
      - {<<: *rule, name: r3, implementation: {kind: range, column: price, minimum: 0, maximum: 9.5}}
      - {<<: *rule, name: r4, implementation: {kind: pattern, column: page, pattern: "^a"}}
      - {<<: *rule, name: r5, implementation: {kind: max_length, column: page, length: 5}}
      - {<<: *rule, name: r6, implementation: {kind: expression, columns: [pieces], expression: pieces > 0}}
      - {<<: *rule, name: r7, implementation: {kind: row_count, minimum: 1}}
      - {<<: *rule, name: r8, implementation: {kind: quarantine_ratio, minimum_rows: 5}}
      - {<<: *rule, name: r9, implementation: {kind: referential, column: id, to_source: a, to_column: b}}
      - <<: *rule
        name: r10
        implementation: {kind: history, metric: mean, column: price, max_z: 4, tolerance: 0.5, days: 28,
                         minimum_days: 7, weekday: false}
"""
)
# Rules that every source has beside its own.
STANDING = (
    "files_have_rows",
    "keys_without_conflict",
    "columns_as_agreed",
    "columns_filled_as_before",
    "no_null_words",
    "keys_as_written",
    "key_unique",
    "versions_not_in_future",
)
ODD: list[Any] = [None, True, 10**400, "odd words", [[]], {"a": [{}]}]  # every type of JSON, in the wrong place


def places(node: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place of a document, from the top."""
    yield place
    if isinstance(node, (dict, list)):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from places(value, (*place, key))


def at(node: Any, place: tuple[str | int, ...]) -> Any:
    for step in place:
        node = node[step]
    return node


def replaced(document: Any, place: tuple[str | int, ...], value: Any) -> Any:
    """A copy with another value at a place."""
    if not place:
        return value
    result = copy.deepcopy(document)
    at(result, place[:-1])[place[-1]] = value
    return result


def judged(path: Path, text: str | bytes) -> SourceContract | str:
    """The contract, or why there is none; any other error of the reader fails the test."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    try:
        return load_contract(path)
    except ContractError as error:
        file, line, message = str(error).split(":", 2)
        assert file == path.name
        assert message.strip()
        lines = max(1, path.read_bytes().count(b"\n") + 1)
        assert 1 <= int(line) <= lines, str(error)
        return str(error)


def test_the_whole_contract_is_one(tmp_path: Path) -> None:
    contract = judged(tmp_path / "small.yaml", yaml.safe_dump(WHOLE))
    assert isinstance(contract, SourceContract), contract
    assert len(contract.rules) == 11 + len(STANDING)
    assert contract.sessions is not None
    assert contract.extract is not None


@pytest.mark.parametrize("top", sorted(WHOLE))
def test_an_odd_value_at_any_level_is_a_contract_error(tmp_path: Path, top: str) -> None:
    """Every value of the contract is replaced by two odd ones, by other two at the next place."""
    refused = 0
    for number, place in enumerate(places(WHOLE[top], (top,))):
        for odd in ODD[number % 3 :: 3]:
            text = json.dumps(replaced(WHOLE, place, odd), indent=1)  # JSON is YAML
            refused += isinstance(judged(tmp_path / "small.yaml", text), str)
    assert refused


@pytest.mark.parametrize("odd", [odd for odd in ODD if not isinstance(odd, dict)], ids=repr)
def test_an_odd_document_is_a_contract_error(tmp_path: Path, odd: Any) -> None:
    assert isinstance(judged(tmp_path / "small.yaml", json.dumps(odd)), str)


@pytest.mark.parametrize("gone", sorted(WHOLE.keys() - {"description", "team", "slaProperties", "status"}))
def test_a_contract_without_a_part_is_refused(tmp_path: Path, gone: str) -> None:
    text = yaml.safe_dump({name: value for name, value in WHOLE.items() if name != gone})
    assert isinstance(judged(tmp_path / "small.yaml", text), str)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_anywhere_is_a_contract_or_a_contract_error(tmp_path: Path, data: st.DataObject) -> None:
    every = list(places(WHOLE))
    document = WHOLE
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(every))
        try:
            document = replaced(document, place, data.draw(VALUES))
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    judged(tmp_path / "small.yaml", json.dumps(document, indent=1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a mapping"),
        ("- a\n", "expected a mapping"),
        ("a: b\n--- \nc: d\n", "not valid YAML"),
        ("a: [1\n", "not valid YAML"),
        ("a: \tb\n\tc: d\n", "not valid YAML"),
        ("a: 'b\n", "not valid YAML"),
        ("a: b\x07c\n", "not valid YAML"),
        ("a: *nothing\n", "not valid YAML"),
        ("a: !!python/object:os.system {}\n", "has no place in a contract"),
        ("a: !!set {b, c}\n", "has no place in a contract"),
        ("a: !!omap [b: c]\n", "has no place in a contract"),
        ("a: !own b\n", "not valid YAML"),
        ("a: !!binary aGVsbG8=\n", "has no place in a contract"),
        ("a: !!int twelve\n", "cannot be read"),
        ("a: 2026-02-31\n", "cannot be read"),
        ("a: .nan\n", "not a finite number"),
        ("a: -.inf\n", "not a finite number"),
        ("? [a, b]\n: c\n", "a key must be a word"),
        ("? {a: b}\n: c\n", "a key must be a word"),
        ("a: &a [*a]\n", "nested too deeply"),
        ("a: &a {b: *a}\n", "nested too deeply"),
        ("a: " + "[" * 5000 + "]" * 5000 + "\n", "nested too deeply"),
        (
            "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
            + "".join(
                f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
                for old, new in zip("abcdef", "bcdefg", strict=True)
            ),
            "too many values",
        ),
        (b"a: \xff\xfe\n", "not UTF-8"),
        (b"\xff\xfea\x00:\x00", "not UTF-8"),
    ],
)
def test_odd_yaml_is_refused_in_words(tmp_path: Path, text: str | bytes, message: str) -> None:
    found = judged(tmp_path / "small.yaml", text)
    assert isinstance(found, str)
    assert message in found


def test_a_folder_and_a_dangling_link_in_the_place_of_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").mkdir()
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    for name in ("small.yaml", "gone.yaml"):
        with pytest.raises(ContractError, match=rf"^{re.escape(name)}:1: cannot be read"):
            load_contract(tmp_path / name)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "required: true\n",
            "required: 'yes'\n",
            r"schema\[0\].properties\[0\].required: 'yes' is not of type",
        ),
        ("  - property: history\n", "  - propperty: history\n", r"customProperties\[\d\].propperty: "),
        ("tags: [pii]", "tags: pii", "is not of type 'array'"),
        (
            "value: {canceled: cancelled}",
            "value: {canceled: no}",
            "synonyms.canceled is False; it should be a valid",
        ),
        ("apiVersion: v3.0.2", "apiVersion: v3.99", "apiVersion: 'v3.99' is not one of"),
        ("delivery\n    value: required", "delivery\n    value: always", "delivery is 'always'; use one of"),
        ("status: active\n", "status: active\nowner: me\n", "owner: "),
    ],
)
def test_the_message_names_the_value_and_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = (SOURCES_DIR / "orders.yaml").read_text("utf-8")
    assert old in text
    found = judged(tmp_path / "orders.yaml", text.replace(old, new, 1))
    assert isinstance(found, str)
    assert re.search(message, found), found
    line = text.replace(old, new, 1).splitlines()[int(found.split(":")[1]) - 1]
    assert any(part.strip() and part.strip() in line for part in new.splitlines()), (found, line)


def test_a_rule_without_a_description_is_described_by_its_kind(tmp_path: Path) -> None:
    document = copy.deepcopy(WHOLE)
    for rule in document["schema"][0]["quality"]:
        del rule["description"]
    contract = judged(tmp_path / "small.yaml", yaml.safe_dump(document))
    assert isinstance(contract, SourceContract), contract
    own_words = {"page_there", *STANDING}
    assert {rule.name: rule.description for rule in contract.rules if rule.name not in own_words} == {
        "r1": "No two rows share id and at",
        "r2": "page is one of a, b",
        "r3": "price is at least 0 and at most 9.5",
        "r4": "page matches ^a",
        "r5": "page has at most 5 characters",
        "r6": "Every row meets pieces > 0",
        "r7": "There are at least 1 rows",
        "r8": "At most 0.00% of the raw rows are in quarantine",
        "r9": "id is found in b of a",
        "r10": "The mean of price is as in the 28 days before",
    }
