"""Compares what is declared with what the catalogue has, in the light of what was noted.

What was applied last time is known, so that three things can be told apart: a change of a declaration, which is
applied; a change that somebody made in the catalogue by hand, which is named and left; and both at once, which a
person has to decide.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ecommerce_dwh.changes.facets import ORDER, ROWS, Facets, column_parts, varchar_size


@dataclass(frozen=True)
class Difference:
    """One facet that differs.

    Attributes:
        facet: its name.
        has: what the catalogue has; None for nothing.
        wanted: what is declared; None for nothing.
        verdict: ``change`` (to be applied), ``drop`` (to be dropped, as named), ``kept`` (no longer declared),
            ``foreign`` (declared never), ``wider`` (a VARCHAR that is longer than declared), ``by hand`` (changed in
            the catalogue, declared as before), ``conflict`` (changed in both).
    """

    facet: str
    has: str | None
    wanted: str | None
    verdict: str

    @property
    def column(self) -> str:
        """The column, where the facet is one; empty otherwise."""
        return column_of(self.facet)


def column_of(facet: str) -> str:
    """The column that a facet defines; empty for other facets."""
    return facet.removeprefix("column ") if facet.startswith("column ") and facet != ORDER else ""


def differences(
    name: str,
    declared: Facets,
    found: Facets,
    noted: Facets | None,
    *,
    overwrite: bool = False,
    drop: Collection[str] = (),
) -> list[Difference]:
    """All facets that differ, each with what is to be done about it.

    Args:
        name: the table, view or schema.
        declared: its facets as declared.
        found: as the catalogue has them.
        noted: as applied last; None where nothing was noted, which makes every difference a change of the declaration.
        overwrite: apply what is declared where the catalogue was changed by hand.
        drop: columns that may go, as ``schema.table.column``.
    """
    result = []
    for facet in dict.fromkeys((*declared, *found)):
        wanted, has = declared.get(facet), found.get(facet)
        if wanted == has:
            continue
        if facet == ROWS:
            if noted is not None and wanted is not None:
                result.append(Difference(facet, has, wanted, "change"))
            continue
        verdict = _verdict(name, facet, has, wanted, noted, overwrite, drop)
        result.append(Difference(facet, has, wanted, verdict))
    return result


def _verdict(
    name: str,
    facet: str,
    has: str | None,
    wanted: str | None,
    noted: Facets | None,
    overwrite: bool,
    drop: Collection[str],
) -> str:
    column = column_of(facet)
    if name.startswith("staging.") and (column or facet == ORDER) and not _is_wider(has, wanted):
        return "change"  # COPY takes Parquet columns by position: a staging table is exactly what is declared
    if column and wanted is None:
        if f"{name}.{column}" in drop:
            return "drop"
        return "kept" if noted is not None and facet in noted else "foreign"
    if column and _is_wider(has, wanted):
        return "wider"
    if noted is None:
        return "change" if wanted is not None else "foreign"
    before = noted.get(facet)
    if has == before or overwrite:
        return "change"
    return "by hand" if wanted == before else "conflict"


def _is_wider(has: str | None, wanted: str | None) -> bool:
    if has is None or wanted is None:
        return False
    (old, *rest), (new, *others) = column_parts(has), column_parts(wanted)
    return rest == others and varchar_size(old) > varchar_size(new) > 0
