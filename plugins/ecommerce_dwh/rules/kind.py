"""The parts that every kind of quality rule has, and the form in which a contract's author asks for a rule.

A kind is described by one module of this package: its arguments, their validation, a sentence for people, and DQDL.
Its condition in Spark is the module of the same name in ``ecommerce_dwh_glue.rules``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ecommerce_dwh.rules.rule import Rule

if TYPE_CHECKING:
    from ecommerce_dwh.contracts.types import ColumnType

# The standard knows seven dimensions; reports use the words of the quality page.
DIMENSIONS = {
    "accuracy": "validity",
    "completeness": "completeness",
    "conformity": "validity",
    "consistency": "consistency",
    "coverage": "volume",
    "timeliness": "freshness",
    "uniqueness": "uniqueness",
}
# Numbers of a rule are compared with columns of at most this many digits.
_LARGEST = 10**38


@dataclass(frozen=True)
class Asked:
    """A rule as a contract asks for it, before it is accepted.

    Attributes:
        name: the rule's name.
        columns: the columns that it names, all of which exist.
        arguments: the kind's other arguments as written.
        types: type by column of the contract.
        sql_types: type text by column, those included that processing adds to every row.
        refuse: makes the error to raise from the argument at fault (empty: the arguments as a whole) and a message.
    """

    name: str
    columns: tuple[str, ...]
    arguments: Mapping[str, Any]
    types: Mapping[str, ColumnType]
    sql_types: Mapping[str, str]
    refuse: Callable[[str, str], Exception]

    @property
    def type(self) -> ColumnType | None:
        """Type of the first column; None when there is none, or when processing adds it."""
        return self.types.get(self.columns[0]) if self.columns else None

    def number(self, argument: str, *, whole: bool = False) -> int | float | None:
        """A numeric argument; None when it is left out.

        Raises:
            Exception: as `refuse` makes it, when the argument is no number that a column could hold.
        """
        value = self.arguments.get(argument)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise self.refuse(argument, f"{argument} {value!r} is not a {'whole ' if whole else ''}number")
        if not math.isfinite(value) if isinstance(value, float) else abs(value) >= _LARGEST:
            raise self.refuse(argument, f"{argument} is not a number of up to 38 digits")
        return value

    def text(self, argument: str) -> str:
        """An argument that is a text and not empty.

        Raises:
            Exception: as `refuse` makes it, when it is none.
        """
        value = self.arguments.get(argument)
        if not isinstance(value, str) or not value.strip():
            raise self.refuse(argument, f"{argument} {value!r} is not a text; write texts in quotes")
        return value


class RuleKind:
    """A kind of quality rule.

    Attributes:
        name: name of the kind in a contract's ``implementation.kind``.
        must: arguments that a rule has to give.
        may: arguments that it can give.
        meaning: what the arguments are, for the documentation.
    """

    name: ClassVar[str]
    must: ClassVar[frozenset[str]] = frozenset()
    may: ClassVar[frozenset[str]] = frozenset()
    meaning: ClassVar[str]

    def takes_column(self, _arguments: Mapping[str, Any]) -> bool:
        """Whether a rule that is written below a column is about that column without naming it."""
        return "column" in self.must

    def check(self, asked: Asked) -> None:
        """Refuse arguments that cannot work; names of columns were checked before.

        Raises:
            Exception: as `Asked.refuse` makes it.
        """

    def completed(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with the defaults of those that were left out."""
        return dict(arguments)

    def dimension(self, declared: str, _arguments: Mapping[str, Any]) -> str:
        """The dimension in the words of reports, for the one that the contract declares."""
        return DIMENSIONS[declared]

    def sentence(self, rule: Rule) -> str:
        """The rule as a sentence, used as description of a rule whose contract gives none."""
        raise NotImplementedError

    def dqdl(self, rule: Rule) -> str:
        """The rule in AWS's Data Quality Definition Language.

        Raises:
            NotExpressible: DQDL cannot say it, or not with the same meaning.
        """
        raise NotImplementedError
