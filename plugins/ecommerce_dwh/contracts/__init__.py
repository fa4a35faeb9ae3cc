"""The source contracts: one ODCS file per source, read once and checked deeply.

A contract (``include/sources/<name>.yaml``, Open Data Contract Standard v3) is the only place that names a source's
columns, types, keys, personal data, delivery, formats and quality rules. Staging and history tables, COPY column
lists, Spark schemas and casts, quality rules and the data dictionary all come from here.

`model`
    the classes; plain dataclasses that need nothing but Python, because the Glue jobs use them too.
`types`
    everything that is known of a column's type.
`reader`
    YAML files to the model. YAML parser, JSON schema, pydantic and SQL parser are imported when a file is read, so
    that Glue, which reads the packed JSON, needs none of them.
`packed`
    the model as JSON, for the library zip of the Glue jobs.

Everything that can be wrong in a contract is refused when it is read, with file and line.
"""

from ecommerce_dwh.contracts.model import (
    DELIVERIES,
    HISTORIES,
    OTHER_STATUS,
    OWN_ENTITIES,
    PERSON_KEY,
    PERSON_VALUES,
    TREATMENTS,
    Column,
    ContractError,
    Extract,
    Sessions,
    SourceContract,
    SourceTable,
    Status,
    fixed_columns,
    source_table,
)
from ecommerce_dwh.contracts.packed import contracts_from_json, contracts_json
from ecommerce_dwh.contracts.reader import load_contract, load_contracts
from ecommerce_dwh.contracts.types import TYPES, ColumnType, type_of
from ecommerce_dwh.rules import SEVERITIES, Rule
from ecommerce_dwh.rules.history import DEFAULTS as HISTORY_DEFAULTS
from ecommerce_dwh.rules.history import METRICS as HISTORY_METRICS

__all__ = [
    "DELIVERIES",
    "HISTORIES",
    "HISTORY_DEFAULTS",
    "HISTORY_METRICS",
    "OTHER_STATUS",
    "OWN_ENTITIES",
    "PERSON_KEY",
    "PERSON_VALUES",
    "SEVERITIES",
    "TREATMENTS",
    "TYPES",
    "Column",
    "ColumnType",
    "ContractError",
    "Extract",
    "Rule",
    "Sessions",
    "SourceContract",
    "SourceTable",
    "Status",
    "contracts_from_json",
    "contracts_json",
    "fixed_columns",
    "load_contract",
    "load_contracts",
    "source_table",
    "type_of",
]
