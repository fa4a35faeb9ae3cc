"""Holds a contract against the JSON schema of the Open Data Contract Standard.

``odcs.schema.json`` is the schema as the standard's project publishes it (bitol-io/open-data-contract-standard, Apache
License 2.0), byte for byte as in its Python package ``open-data-contract-standard``, which a test compares.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from ecommerce_dwh.contracts.document import Document, Place

_SCHEMA = Path(__file__).parent / "odcs.schema.json"
_LONGEST = 300
# Fail only because something beside them fails, and would hide it.
_FOLLOWING = frozenset({"unevaluatedProperties"})


def check_standard(document: Document) -> None:
    """Refuse a document that the standard's schema does not allow.

    Raises:
        ContractError: the first fault, by line.
    """
    from jsonschema.exceptions import best_match  # late import: only who reads YAML files needs it

    errors = list(_validator().iter_errors(document.root))
    if not errors:
        return
    causes = [error for error in errors if error.validator not in _FOLLOWING] or errors
    # A value that fits none of several forms is explained by the form that it comes nearest to.
    found = [best_match([error]) for error in causes]
    places = [_place(error) for error in found]
    # The first by line; of several on one line the innermost, which is a misspelt name rather than the missing one.
    first = min(range(len(found)), key=lambda each: (document.line(places[each]), -len(places[each])))
    message = found[first].message
    if len(message) > _LONGEST:
        message = f"{message[:_LONGEST]} …"
    raise document.error(
        places[first], f"{_spelt(places[first])}: {message} (schema of the Open Data Contract Standard)"
    )


def _place(error: Any) -> Place:
    """The place of a fault; for a property that the standard does not know, the property itself."""
    place = tuple(error.absolute_path)
    if error.validator in ("additionalProperties", "unevaluatedProperties") and isinstance(
        error.instance, dict
    ):
        named = [key for key in error.instance if repr(key) in error.message]
        return (*place, named[0]) if named else place
    return place


def _spelt(place: Place) -> str:
    """A place in words, such as ``schema[0].properties[2].required``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return text.removeprefix(".") or "the contract"


@cache
def _validator() -> Any:
    from jsonschema.validators import validator_for

    schema = json.loads(_SCHEMA.read_text("utf-8"))
    return validator_for(schema)(schema)
