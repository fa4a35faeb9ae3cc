"""The ``customProperties`` that this product adds to the standard, as pydantic models.

The standard leaves the values of ``customProperties`` open. These models fix their names and types; `reader` and
`columns` check the values against each other (whether a named column exists, whether a pattern is usable).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from ecommerce_dwh.contracts.document import Document, Place
from ecommerce_dwh.contracts.model import ContractError


class _Model(BaseModel):
    # Strict: "yes" is no boolean and 5 no text. Names are camel case in contracts, as the standard's are.
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, alias_generator=to_camel)


class ExtractProperty(_Model):
    """``extract``: location of the source in the shop's database."""

    table: str
    watermark: str


class SessionsProperty(_Model):
    """``sessions``: grouping of events without a session id."""

    session_column: str
    customer_column: str
    time_column: str
    client_columns: list[str]
    gap_minutes: int = Field(ge=1, le=1_000_000)


class AmountProperty(_Model):
    """``amount``: the column whose sum the ledger accounts for."""

    column: str
    or_product_of: list[str] = []


class DerivedColumnProperty(_Model):
    """An entry of ``derivedColumns``."""

    name: str
    physical_type: str
    derivation: str
    description: str = ""


class StatusProperty(_Model):
    """An entry of ``statuses``: words of the source that mean one canonical status, and how its orders count."""

    status: str
    treatment: Literal["counts", "excluded", "refunded", "partially_refunded"]
    words: list[str] = Field(min_length=1)


class ContractProperties(_Model):
    """The ``customProperties`` of a contract."""

    history: Literal["scd2", "latest"]
    delivery: Literal["required", "optional"]
    version_column: str = ""
    distribution_column: str = ""
    merge_entity: str = ""
    amount: AmountProperty | None = None
    sessions: SessionsProperty | None = None
    extract: ExtractProperty | None = None
    derived_columns: list[DerivedColumnProperty] = []
    null_words: list[str] = []


class ColumnProperties(_Model):
    """The ``customProperties`` of a column."""

    date_formats: list[str] = []
    lower_case: bool = False
    synonyms: dict[str, str] = {}
    statuses: list[StatusProperty] = []
    url_parameters: Any = None  # judged with its column: the message shows how to write it
    person_key: bool | None = None
    person_value: str | None = None
    key_format: Literal["digits"] | None = None


Properties = TypeVar("Properties", ContractProperties, ColumnProperties)


def read_properties(
    model: type[Properties], node: Mapping[str, Any], place: Place, document: Document, of: str = ""
) -> tuple[Properties, dict[str, Place]]:
    """The ``customProperties`` of a node, and the place of each value.

    Args:
        model: the properties that are allowed.
        node: the contract or the column, which the standard's schema allows.
        place: place of the node.
        document: the file.
        of: words before a message, such as ``column 'price': ``.

    Raises:
        ContractError: a property is unknown, missing, given twice, or of another type.
    """
    values: dict[str, Any] = {}
    places: dict[str, Place] = {}
    for index, item in enumerate(node.get("customProperties") or []):
        name = item["property"]
        where: Place = (*place, "customProperties", index)
        if name in values:
            raise document.error(where, f"{of}the custom property {name} is given twice")
        values[name], places[name] = item["value"], (*where, "value")
    unknown = sorted(set(values) - {field.alias for field in model.model_fields.values()})
    if unknown:
        where = places[unknown[0]][:-1]
        raise document.error(where, f"{of}unknown customProperties: {', '.join(unknown)}")
    try:
        return model.model_validate(values), places
    except ValidationError as error:
        raise _refused(error, (*place, "customProperties"), places, document, of) from None


def _refused(
    error: ValidationError,
    around: Place,
    places: Mapping[str, Place],
    document: Document,
    of: str,
) -> ContractError:
    """The first fault that pydantic found, in the words of contracts."""
    fault = error.errors(include_url=False)[0]
    name, *inner = fault["loc"]
    spelt = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in fault["loc"])[1:]
    place = (*places.get(str(name), around), *inner)
    if fault["type"] == "missing":
        return document.error(place, f"{of}{spelt} is missing from customProperties")
    if fault["type"] == "literal_error":
        choices = fault["ctx"]["expected"].replace("'", "")
        return document.error(place, f"{of}{spelt} is {fault['input']!r}; use one of {choices}")
    if fault["type"] == "extra_forbidden":
        return document.error(place, f"{of}{spelt} is unknown in customProperties")
    what = fault["msg"].removeprefix("Input ")
    return document.error(place, f"{of}{spelt} is {fault['input']!r}; it {what}")
