"""Source contracts: the shipped ones are what the design says, and unusable ones are refused with file and line."""

# ruff: noqa: E501 - a case per line reads as a table

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ecommerce_dwh.contracts import (
    ContractError,
    contracts_from_json,
    contracts_json,
    load_contract,
    load_contracts,
)

SOURCES_DIR = Path(__file__).resolve().parents[2] / "include" / "sources"


def test_the_five_sources_are_there() -> None:
    contracts = load_contracts(SOURCES_DIR)
    assert {name: contract.key for name, contract in contracts.items()} == {
        "customers": "customer_id",
        "products": "product_id",
        "orders": "order_id",
        "order_items": "order_item_id",
        "web_events": "event_id",
    }
    assert [name for name, contract in contracts.items() if contract.delivery == "required"] == [
        "order_items",
        "orders",
    ]
    assert [name for name, contract in contracts.items() if contract.history == "scd2"] == [
        "customers",
        "products",
    ]


def test_accepted_columns_have_the_order_of_parquet_and_tables() -> None:
    columns = [column.name for column in load_contracts(SOURCES_DIR)["web_events"].accepted_columns]
    assert columns[0] == "delivery_date"
    assert columns[-6:] == [
        "is_session_derived",
        "version_at",
        "row_hash",
        "source_file",
        "source_line",
        "run_id",
    ]


def test_personal_data_is_tagged() -> None:
    tagged = {column.name for column in load_contracts(SOURCES_DIR)["customers"].columns if column.pii}
    assert {"first_name", "last_name", "email", "phone", "date_of_birth", "address"} <= tagged
    assert not {"customer_id", "city", "country", "customer_segment"} & tagged


def test_json_form_is_the_same_contract() -> None:
    contracts = load_contracts(SOURCES_DIR)
    assert contracts_from_json(contracts_json(contracts)) == contracts


def test_a_declared_date_format_is_read(tmp_path: Path) -> None:
    path = changed(
        tmp_path,
        "customers",
        "physicalType: date\n",
        "physicalType: date\n        customProperties:\n          - {property: dateFormats, value: [M/d/yyyy]}\n",
    )
    assert load_contract(path).column("date_of_birth").formats == ("M/d/yyyy",)


def changed(folder: Path, source: str, old: str, new: str) -> Path:
    text = (SOURCES_DIR / f"{source}.yaml").read_text(encoding="utf-8")
    assert old in text
    path = folder / f"{source}.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


_OPEN = "words: [created, placed, pending, approved, confirmed, paid, processing, invoiced, on_hold]"
REFUSED = {
    "no meaning of statuses": (
        "orders",
        "- property: statuses\n",
        "- property: synonyms_of_old\n",
        "unknown customProperties: synonyms_of_old",
    ),
    "status of no treatment": (
        "orders",
        "treatment: refunded",
        "treatment: forgotten",
        "treatment is 'forgotten'; use one of counts, excluded, refunded or partially_refunded",
    ),
    "word of two statuses": (
        "orders",
        "words: [refunded]",
        "words: [refunded, delivered]",
        "'delivered' is given twice, for fulfilled and refunded",
    ),
    "word twice": ("orders", "words: [refunded]", "words: [refunded, refunded]", "'refunded' is given twice"),
    "status without words": ("orders", "words: [refunded]", "words: []", "words is []; it"),
    "word of another spelling": (
        "orders",
        "words: [refunded]",
        "words: [Refunded]",
        "'Refunded' of status refunded never comes: processing makes it 'refunded'",
    ),
    "word that is a synonym": (
        "orders",
        "words: [refunded]",
        "words: [canceled]",
        "'canceled' of status refunded never comes: processing makes it 'cancelled'",
    ),
    "word that is none": (
        "orders",
        "words: [refunded]",
        'words: ["re\'funded"]',
        "of status refunded is no word that the column can hold",
    ),
    "word that is too long": (
        "orders",
        "words: [refunded]",
        f"words: [{'x' * 65}]",
        "of status refunded is no word that the column can hold",
    ),
    "status that is none": (
        "orders",
        "status: refunded",
        "status: Re funded",
        "must be a lower-case identifier",
    ),
    "status of all others": (
        "orders",
        "status: refunded",
        "status: other",
        "not 'other', which is that of all",
    ),
    "status twice": ("orders", "status: refunded", "status: fulfilled", "status 'fulfilled' must be"),
    "statuses of a truth": (
        "products",
        "physicalType: boolean\n",
        "physicalType: boolean\n        customProperties:\n          - property: statuses\n            "
        "value: [{status: a, treatment: counts, words: [b]}]\n",
        "statuses are for text",
    ),
    "word that a rule refuses": (
        "orders",
        _OPEN,
        _OPEN.replace("created", "created, parked"),
        "rule 'status_known': parked must be in both or in neither of values and the statuses of 'order_status'",
    ),
    "word without a status": (
        "orders",
        "values: [created,",
        "values: [created, parked,",
        "rule 'status_known': parked must be in both or in neither",
    ),
    "not yaml": ("orders", "kind: DataContract", "kind: [", "not valid YAML"),
    "not a contract": ("orders", "kind: DataContract", "kind: Dataset", "kind: DataContract"),
    "other name": ("orders", "name: orders", "name: order", "differs from the file's name"),
    "key twice in yaml": (
        "orders",
        "kind: DataContract",
        "kind: DataContract\nkind: DataContract",
        "'kind' is given twice",
    ),
    "unknown type": (
        "orders",
        "physicalType: timestamp",
        "physicalType: datetime",
        "unknown physicalType 'datetime'",
    ),
    "endless varchar": ("orders", "varchar(64)", "varchar(70000)", "varchar length is 1…65535 bytes"),
    "impossible decimal": ("orders", "decimal(18,4)", "decimal(4,18)", "impossible decimal"),
    "types disagree": ("orders", "logicalType: timestamp", "logicalType: string", "does not fit timestamp"),
    "no key": ("orders", "        primaryKey: true\n", "", "exactly one column must be primaryKey, found 0"),
    "duplicate column": (
        "orders",
        "- name: customer_id",
        "- name: order_id",
        "column 'order_id' is given twice",
    ),
    "reserved column": ("orders", "- name: customer_id", "- name: run_id", "column 'run_id' is reserved"),
    "upper case column": (
        "orders",
        "- name: customer_id",
        "- name: CustomerId",
        "must be a lower-case identifier",
    ),
    "unknown history": ("orders", "value: latest", "value: sometimes", "history is 'sometimes'"),
    "unknown property": (
        "orders",
        "property: history",
        "property: History",
        "unknown customProperties: History",
    ),
    "url parameters of a number": (
        "web_events",
        "physicalType: timestamp\n        required",
        "physicalType: timestamp\n        customProperties:\n          - {property: urlParameters, value: []}\n        required",
        "urlParameters is for text",
    ),
    "all url parameters": (
        "web_events",
        'value: [page, sort, "utm_*"]',
        'value: ["*"]',
        "list names of parameters to keep",
    ),
    "one url parameter": (
        "web_events",
        'value: [page, sort, "utm_*"]',
        "value: page",
        "list names of parameters to keep",
    ),
    "extract of no table": ("orders", "table: shop.orders", "table: orders", "extract needs 'table'"),
    "extract with SQL": ("orders", "watermark: changed_at", "watermark: now()", "extract needs 'table'"),
    "rule on missing column": ("orders", "column: currency", "column: curency", "names column 'curency'"),
    "expression on missing column": (
        "orders",
        "shipped_date >= order_date",
        "shipped_date >= orderdate",
        "'orderdate' in the expression is no column",
    ),
    "broken expression": (
        "orders",
        "shipped_date >= order_date",
        "shipped_date >= (order_date",
        "not valid SQL",
    ),
    "half an expression": ("orders", "shipped_date >= order_date", "shipped_date >=", "not valid SQL"),
    "two statements": (
        "orders",
        "shipped_date is null or shipped_date >= order_date",
        "true; drop table orders",
        "not valid SQL",
    ),
    "open quote": ("customers", "date '1900-01-01'", "date '1900-01-01", "not valid SQL"),
    "expression of another type": (
        "order_items",
        "quantity <> 0",
        "quantity + 1",
        "the expression gives int, not true or false",
    ),
    "misspelled function": (
        "order_items",
        "abs(line",
        "absolute(line",
        "calls absolute(), which Spark does not know",
    ),
    "aggregate in an expression": ("order_items", "quantity <> 0", "sum(quantity) > 0", "has an aggregate"),
    "query in an expression": ("order_items", "quantity <> 0", "quantity in (select 1)", "has a query"),
    "foreign table in an expression": (
        "order_items",
        "quantity <> 0",
        "orders.quantity <> 0",
        "'orders.quantity' in the expression is no column",
    ),
    "threshold below zero": ("orders", "threshold: 0.05", "threshold: -0.05", "threshold -0.05 is impossible"),
    "values of another type": (
        "orders",
        "values: [created,",
        "values: [no,",
        "value False does not fit column 'order_status' (varchar); write texts in quotes",
    ),
    "pattern on a number": (
        "products",
        "kind: range\n          column: price\n          minimum: 0",
        "kind: pattern\n          column: price\n          pattern: x",
        "pattern needs a text, 'price' is none",
    ),
    "range on a text": (
        "products",
        "kind: range\n          column: price",
        "kind: range\n          column: sku",
        "range needs a number, 'sku' is none",
    ),
    "history of nothing": (
        "orders",
        "metric: rows",
        "metric: lines",
        "metric 'lines' is not one of rows, null_ratio, mean, sum",
    ),
    "history of a text's mean": (
        "orders",
        "column: total_amount",
        "column: order_status",
        "mean needs a number, 'order_status' is none",
    ),
    "history of rows of a column": (
        "orders",
        "metric: rows\n",
        "metric: rows\n          column: order_id\n",
        "metric rows has no column",
    ),
    "impossible z": (
        "orders",
        "metric: rows\n",
        "metric: rows\n          max_z: 0\n",
        "max_z 0 is impossible; it is 1 to 1000",
    ),
    "more days than there are": (
        "orders",
        "metric: rows\n",
        "metric: rows\n          minimum_days: 29\n",
        "minimum_days 29 is above days 28",
    ),
    "impossible threshold": ("orders", "threshold: 0.05", "threshold: 5", "threshold 5 is impossible"),
    "threshold in words": ("orders", "threshold: 0.05", "threshold: few", "threshold 'few' is impossible"),
    "unknown rule kind": ("orders", "kind: not_null", "kind: not_nul", "kind 'not_nul' is not one of"),
    "rule lacks an argument": ("customers", "pattern: '^", "patern: '^", "lacks pattern"),
    "pattern cannot be compiled": ("customers", "'^[^@", "'^([^@", "pattern cannot be compiled"),
    "range upside down": (
        "products",
        "minimum: 0\n",
        "minimum: 0\n          maximum: -1\n",
        "minimum 0 is above maximum -1",
    ),
    "unknown severity": ("orders", "severity: error", "severity: fatal", "severity 'fatal'"),
    "two rules of one name": (
        "orders",
        "name: currency_known",
        "name: status_known",
        "two rules are named 'status_known'",
    ),
    "foreign engine": ("orders", "engine: ecommerce-dwh", "engine: soda", "engine: ecommerce-dwh"),
    "amount is no number": ("order_items", "column: line_total", "column: order_id", "is not a numeric column"),
    "sessions on missing column": (
        "web_events",
        "timeColumn: event_timestamp",
        "timeColumn: at",
        "names column 'at'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_unusable_contract_is_refused_with_file_and_line(tmp_path: Path, case: str) -> None:
    source, old, new, what = REFUSED[case]
    with pytest.raises(ContractError) as caught:
        load_contract(changed(tmp_path, source, old, new))
    assert what in str(caught.value)
    assert re.match(rf"{source}\.yaml:\d+: ", str(caught.value))


@pytest.mark.parametrize(
    ("source", "old", "new"),
    [
        ("orders", "threshold: 0.05", "threshold: 7"),
        ("orders", "column: currency", "column: curency"),
        ("order_items", 'expression: "quantity <> 0"', 'expression: "quantity <>"'),
        ("order_items", "to_column: order_id", "to_column: id"),
        ("order_items", "to_column: order_id", "to_column: order_date"),
        ("orders", "metric: mean", "metric: median"),
        ("customers", "pattern: '^[^@", "pattern: '^([^@"),
        ("orders", "values: [INR,", "values: [1,"),
    ],
)
def test_the_line_is_that_of_the_word_to_mend(tmp_path: Path, source: str, old: str, new: str) -> None:
    for path in SOURCES_DIR.glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    path = changed(tmp_path, source, old, new)
    with pytest.raises(ContractError) as caught:
        load_contracts(tmp_path)
    file, line, _ = str(caught.value).split(":", 2)
    assert file == f"{source}.yaml"
    assert path.read_text(encoding="utf-8").splitlines()[int(line) - 1].strip().startswith(new)


def test_history_rules_know_their_defaults_and_their_dimension() -> None:
    rules = {rule.name: rule for rule in load_contracts(SOURCES_DIR)["orders"].rules if rule.kind == "history"}
    volume, guests = rules["rows_as_usual"], rules["guests_as_usual"]
    assert volume.arguments == {
        "metric": "rows",
        "tolerance": 0.5,
        "max_z": 5,
        "days": 28,
        "minimum_days": 14,
        "weekday": True,
    }
    assert (volume.dimension, guests.dimension) == ("volume", "drift")
    assert guests.columns == ("customer_id",)


@pytest.mark.parametrize(
    "formats", [["d/M"], ["YYYY-MM-dd"], ["M/d/yyyy", "d/M/yyyy"], ["MM/dd/yyyy", "d/M/yyyy"]]
)
def test_date_formats_that_would_be_a_guess_are_refused(tmp_path: Path, formats: list[str]) -> None:
    new = f"physicalType: date\n        customProperties:\n          - {{property: dateFormats, value: {formats}}}\n"
    path = changed(tmp_path, "customers", "physicalType: date\n", new)
    with pytest.raises(ContractError, match="date format"):
        load_contract(path)


def test_a_reference_to_nowhere_is_refused(tmp_path: Path) -> None:
    for path in SOURCES_DIR.glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    changed(tmp_path, "order_items", "to_column: order_id", "to_column: id")
    with pytest.raises(ContractError, match=r"orders\.id, which no contract has"):
        load_contracts(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no contract"):
        load_contracts(tmp_path)


def test_whose_a_row_is_follows_from_the_contract(tmp_path: Path) -> None:
    contracts = load_contracts(SOURCES_DIR)
    keys = {name: contract.person_key for name, contract in contracts.items() if contract.person_key}
    assert keys == {"customers": "customer_id", "orders": "customer_id", "web_events": "customer_id"}
    assert [name for name, contract in contracts.items() if contract.is_of_persons] == ["customers"]
    kinds = {column.name: column.person_value for column in contracts["customers"].personal_columns}
    assert kinds["date_of_birth"] == "birth_date"
    assert kinds["gender"] == kinds["postal_code"] == ""
    # Without a word about it, the column's name is enough; another name needs the property.
    path = changed(
        tmp_path, "orders", "          - property: personKey\n            value: true\n", "          []\n"
    )
    assert load_contract(path).person_key == "customer_id"
    path.write_text((SOURCES_DIR / "orders.yaml").read_text().replace("customer_id", "buyer_id"))
    assert load_contract(path).person_key == "buyer_id"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("value: given_name", "value: nickname", "personValue 'nickname' is not one of"),
        (
            "description: City\n",
            "description: City\n        customProperties: [{property: personValue, value: address}]\n",
            "is for columns that are tagged pii",
        ),
        (
            "description: City\n",
            "description: City\n        customProperties: [{property: personKey, value: true}]\n",
            "customer_id and city both carry a personKey",
        ),
        (
            "description: Day on which the customer registered\n",
            "description: Day\n        customProperties: [{property: personKey, value: true}]\n",
            "must be text",
        ),
    ],
)
def test_a_contract_that_leaves_open_whose_a_row_is_is_refused(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    with pytest.raises(ContractError, match=re.escape(says)):
        load_contract(changed(tmp_path, "customers", old, new))


def test_the_status_of_an_order_needs_a_meaning(tmp_path: Path) -> None:
    """Without it every cancelled order would count."""
    text = (SOURCES_DIR / "orders.yaml").read_text("utf-8")
    start = text.index("          # What the shop's words mean")
    end = text.index("      - name: payment_method")
    path = tmp_path / "orders.yaml"
    path.write_text(text[:start] + text[end:], "utf-8")
    with pytest.raises(ContractError, match=r"orders.yaml:\d+: column 'order_status': .* statuses is missing"):
        load_contract(path)


def test_each_word_has_the_status_of_the_contract() -> None:
    statuses = {status.status: status for status in load_contracts(SOURCES_DIR)["orders"].statuses}
    assert {name: status.treatment for name, status in statuses.items()} == {
        "open": "counts",
        "fulfilled": "counts",
        "returned": "partially_refunded",
        "partially_refunded": "partially_refunded",
        "refunded": "refunded",
        "cancelled": "excluded",
    }
    assert {"cancelled", "unavailable", "voided"} <= set(statuses["cancelled"].words)
