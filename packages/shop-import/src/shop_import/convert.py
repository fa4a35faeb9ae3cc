"""Converts an export, whichever shop system wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shop_import import flat, mapping, olist
from shop_import.notes import ImportFileError
from shop_import.reading import read_export
from shop_import.shops import SHOPS, recognise
from shop_import.tables import Imported
from shop_import.values import Spelling

KNOWN = (*SHOPS, "olist")


def convert(
    files: Sequence[Path],
    shop: str | None = None,
    *,
    spelling: Spelling | None = None,
    prefix: str = "",
    mapping_file: Path | None = None,
) -> tuple[str, Imported]:
    """Convert files of one shop into the tables.

    Args:
        files: exports; for Olist and with a mapping, the folder.
        shop: name of the shop system; None recognises it by the header.
        spelling: zone, decimal mark and date format of the export.
        prefix: put before every id.
        mapping_file: a mapping in place of a known shop system.

    Returns:
        a title of what was read, and the tables.

    Raises:
        ImportFileError: the files are none that can be imported; the message says what to do.
    """
    spelling = spelling or Spelling()
    if shop is not None and shop not in KNOWN:
        raise ImportFileError(
            f"there is no shop system {shop!r}; known are {', '.join(KNOWN)}, and any other by a mapping"
        )
    if mapping_file is not None:
        folder = files[0] if files[0].is_dir() else files[0].parent
        return f"mapping {mapping_file.name}", mapping.convert(
            folder, mapping.read_mapping(mapping_file), prefix
        )
    if shop == "olist" or (shop is None and len(files) == 1 and olist.is_olist(files[0])):
        if len(files) != 1 or not files[0].is_dir():
            raise ImportFileError("give the folder that holds the files of the Olist data set")
        return "Olist data set", olist.convert(files[0], spelling, prefix)
    exports = [read_export(path) for path in _files(files)]
    found = SHOPS[shop] if shop else recognise(exports[0].header)
    if found is None:
        raise ImportFileError(
            f"{exports[0].path} is no orders export of {', '.join(KNOWN)}: its columns are "
            f"{', '.join(exports[0].header[:8])} … Propose a mapping by `shop-import map`"
        )
    return found.title, flat.convert(exports, found, spelling, prefix)


def _files(files: Sequence[Path]) -> list[Path]:
    found = []
    for path in files:
        inside = sorted(child for child in path.glob("*.csv*") if child.is_file()) if path.is_dir() else [path]
        if not inside:
            raise ImportFileError(f"{path} has no CSV file")
        found += inside
    return found
