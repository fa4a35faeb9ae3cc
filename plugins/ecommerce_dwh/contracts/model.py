"""The model of the source contracts: plain dataclasses, which the DAGs and the Glue jobs share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ecommerce_dwh.contracts.types import ColumnType, type_of
from ecommerce_dwh.rules.rule import Rule

HISTORIES = ("scd2", "latest")
DELIVERIES = ("required", "optional")
# Entities of history.pending_key that no contract may take as its mergeEntity; names with agg_ are the aggregates'.
OWN_ENTITIES = ("customer", "product", "sales_order", "web_event", "inventory")
# A column of this name carries the person's key in every source; one of another name says so by `personKey`.
PERSON_KEY = "customer_id"
# Spellings of keys that a contract can agree on.
KEY_FORMATS = ("digits",)
# How orders of a status count in the statement.
TREATMENTS = ("counts", "excluded", "refunded", "partially_refunded")
# The canonical status of orders whose status is empty or no word of the contract; they count.
OTHER_STATUS = "other"
# Kinds of personal values that identify a person, or help to.
PERSON_VALUES = ("email", "phone", "given_name", "family_name", "full_name", "birth_date", "address")


class ContractError(ValueError):
    """A contract that cannot be used; the message names file, line, and the fix."""


@dataclass(frozen=True)
class Status:
    """A canonical status: the words of the source that mean it, and how its orders count.

    Attributes:
        status: the canonical name.
        treatment: one of `TREATMENTS`, which docs/metrics.md defines.
        words: values of the column, as processing leaves them.
    """

    status: str
    treatment: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """One column of a source.

    Attributes:
        name: lower-case column name; file headers match it ignoring case and surrounding blanks.
        type: Redshift type, ``varchar(n)`` (n counts bytes), ``integer``, ``bigint``, ``decimal(p,s)``,
            ``date``, ``timestamp`` or ``boolean``.
        required: a null value sends the row to quarantine, and a file without the column fails the day.
        pii: personal data; masked in samples and logs, granted to ``dwh_pii_reader`` only.
        description: for the data dictionary.
        formats: date patterns accepted beside ISO 8601, as ``M/d/yyyy``; nothing is guessed.
        minimum: smallest value allowed; a smaller one sends the row to quarantine.
        lower: text is folded to lower case.
        synonyms: pairs (spelling, replacement), applied after trimming and folding.
        statuses: of a column with the status of orders: canonical statuses and their words.
        derivation: for derived columns, how the value comes about: ``raw:<column>`` or ``session_derived``.
        url_parameters: the text is a URL; names of the query parameters that processing keeps, ``*`` at the end of one
            for any ending. User part, fragment, other parameters and personal segments of the path go. None for texts
            that are no URLs.
        person_key: the column carries the key of the person whom the row is about.
        person_value: of personal data, one of `PERSON_VALUES`; empty where many people have the value.
        key_format: ``digits``: a key of digits, of which ``12345.0`` is another spelling; empty: as delivered.
    """

    name: str
    type: str
    required: bool = False
    pii: bool = False
    description: str = ""
    formats: tuple[str, ...] = ()
    minimum: str | None = None
    lower: bool = False
    synonyms: tuple[tuple[str, str], ...] = ()
    statuses: tuple[Status, ...] = ()
    derivation: str = ""
    url_parameters: tuple[str, ...] | None = None
    person_key: bool = False
    person_value: str = ""
    key_format: str = ""

    @property
    def base_type(self) -> str:
        """Type without length: ``varchar``, ``decimal``, ``integer`` …"""
        return self.type.split("(")[0]

    @property
    def kind(self) -> ColumnType:
        """The properties of the column's type."""
        return type_of(self.type)

    @property
    def blank(self) -> str:
        """A value of the type that says nothing and that the contract allows, as text."""
        return self.kind.blank or self.minimum or "0"

    @property
    def length(self) -> int | None:
        """Byte length of a ``varchar``, else None."""
        return int(self.type[8:-1]) if self.base_type == "varchar" else None


# Columns that processing adds to every accepted row: the first before the contract's own, the others behind them.
SERVICE_COLUMNS = (
    Column("delivery_date", "date", True, description="Day of the raw folder (dt) that brought the row"),
    Column(
        "version_at",
        "timestamp",
        True,
        description="Version: updated_at, at most the end of delivery_date; else delivery_date 00:00",
    ),
    Column("row_hash", "varchar(32)", True, description="md5 over the content without key and updated_at"),
    Column("source_file", "varchar(1024)", True, description="Key of the file within the raw bucket"),
    Column("source_line", "bigint", True, description="1-based line in the file; row number for Parquet"),
    Column("run_id", "varchar(250)", True, description="Run that processed the row"),
)


@dataclass(frozen=True)
class Sessions:
    """Grouping of events without a session id: a new session begins after a gap, per customer or client."""

    session_column: str
    customer_column: str
    time_column: str
    client_columns: tuple[str, ...]
    gap_minutes: int


@dataclass(frozen=True)
class Extract:
    """Location of a source in the shop's operational database.

    Attributes:
        table: ``schema.table`` (or view) with the contract's columns.
        watermark: its column that the shop sets to the current moment whenever it writes a row.
    """

    table: str
    watermark: str


@dataclass(frozen=True)
class SourceContract:
    """The contract of one source.

    Attributes:
        name: source, folder in the raw bucket and stem of its tables.
        version: version of the contract.
        description: meaning of a row.
        key: name of the natural key column.
        columns: the contract's columns in order.
        derived_columns: columns that processing adds behind them.
        history: ``scd2`` keeps every version, ``latest`` the newest.
        delivery: ``required`` sources must bring a file or declare an empty day.
        rules: quality rules.
        version_column: column that orders versions of a key; empty: the delivery date does.
        amount: column whose sum the ledger accounts for, and the two factors that replace it where empty.
        merge_entity: name under which the keys of replaced slices are queued for the merge that the source feeds;
            empty: it feeds none, or ``replace_slices.sql`` has queries of its own for it.
        distribution_column: column by which Redshift spreads the history table.
        sessions: sessionisation, for event sources.
        owner: owning team.
        freshness_hours: hours after the end of a day by which its data is due.
        extract: where `ecommerce_dwh_ingest` takes the source from; None: others deliver its files.
        null_words: words that are null in every column of the source, compared as written.
    """

    name: str
    version: str
    description: str
    key: str
    columns: tuple[Column, ...]
    derived_columns: tuple[Column, ...] = ()
    history: str = "latest"
    delivery: str = "optional"
    rules: tuple[Rule, ...] = ()
    version_column: str = ""
    amount: tuple[str, ...] = ()
    merge_entity: str = ""
    distribution_column: str = ""
    sessions: Sessions | None = None
    owner: str = ""
    freshness_hours: int = 24
    extract: Extract | None = None
    null_words: tuple[str, ...] = ()

    @property
    def accepted_columns(self) -> tuple[Column, ...]:
        """All columns of an accepted row, in the order of Parquet files, staging and history tables."""
        return (SERVICE_COLUMNS[0], *self.columns, *self.derived_columns, *SERVICE_COLUMNS[1:])

    @property
    def person_key(self) -> str:
        """Name of the column that carries the person's key; empty for sources that are about nobody."""
        return next((column.name for column in self.columns if column.person_key), "")

    @property
    def is_of_persons(self) -> bool:
        """Whether a row is a person: the person's key is the key of the source."""
        return self.person_key == self.key

    @property
    def personal_columns(self) -> tuple[Column, ...]:
        """Columns that an erasure empties in the person's rows: personal data without keys and amounts."""
        kept = {self.key, self.person_key, self.version_column, *self.amount}
        return tuple(column for column in self.columns if column.pii and column.name not in kept)

    @property
    def statuses(self) -> tuple[Status, ...]:
        """Canonical statuses of the source's orders; empty for sources without."""
        return next((column.statuses for column in self.columns if column.statuses), ())

    @property
    def required_columns(self) -> tuple[str, ...]:
        """Names of the columns that every file must have."""
        return tuple(column.name for column in self.columns if column.required)

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            KeyError: the contract has no such column.
        """
        for column in (*self.columns, *self.derived_columns):
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")


def fixed_columns(contract: SourceContract | None, contracts: Mapping[str, SourceContract]) -> frozenset[str]:
    """Columns of a source that are no free text: they lead from row to row, or decide about rows and money.

    Args:
        contract: the source; None for rows that no contract describes.
        contracts: all sources, because a row may hold another source's key.
    """
    fixed = {known.key for known in contracts.values()}
    if contract is not None:
        fixed |= {contract.key, contract.version_column, *contract.amount}
        fixed |= {contract.sessions.session_column} if contract.sessions else set()
        fixed |= {column.name for column in contract.columns if column.base_type != "varchar"}
        fixed -= {column.name for column in contract.personal_columns}
    return frozenset(fixed - {""})


@dataclass(frozen=True)
class SourceTable:
    """A source as SQL templates see it: ``load.sources`` is a tuple of these.

    Attributes:
        name: the source; its tables are ``staging.stg_<name>`` and ``history.<name>``.
        columns: names of all columns of these tables, in order.
        key: natural key.
        merge_entity: see `SourceContract`.
        amount: SQL of a row's money in the ledger; empty where it has none.
        statuses: canonical statuses of its orders; empty where it has none.
    """

    name: str
    columns: tuple[str, ...]
    key: str = ""
    merge_entity: str = ""
    amount: str = ""
    statuses: tuple[Status, ...] = ()


def source_table(contract: SourceContract) -> SourceTable:
    """The contract in the words of SQL templates."""
    amount = ""
    if contract.amount:
        column, *factors = contract.amount
        amount = f"coalesce({column}, {' * '.join(factors)})" if factors else column
    columns = tuple(column.name for column in contract.accepted_columns)
    return SourceTable(contract.name, columns, contract.key, contract.merge_entity, amount, contract.statuses)
