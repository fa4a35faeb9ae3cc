"""The account of every raw row: raw = accepted + superseded + quarantined, per source and day, in rows and money."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal

from ecommerce_dwh_glue.job import JobError

ZERO = Decimal("0.0000")


@dataclass
class Entry:
    """The account of one source's rows of one day; amounts are exact.

    Of the superseded rows, the conflicting ones are no copies and no earlier versions (`dedup.ranked`). Rows with words
    for null and with rounded or mixed keys are accepted ones. Rejected files are those without a good row; drifting
    columns are in the files or in the contract only.
    """

    source: str
    delivery_date: str
    files: int = 0
    raw_rows: int = 0
    accepted_rows: int = 0
    superseded_rows: int = 0
    quarantined_rows: int = 0
    conflicting_rows: int = 0
    null_word_rows: int = 0
    rounded_key_rows: int = 0
    mixed_key_rows: int = 0
    rejected_files: int = 0
    drifting_columns: int = 0
    columns: int = 0
    raw_amount: Decimal = ZERO
    accepted_amount: Decimal = ZERO
    superseded_amount: Decimal = ZERO
    quarantined_amount: Decimal = ZERO

    def adds_up(self) -> bool:
        """Whether every raw row and its money went to exactly one place."""
        return (
            self.raw_rows == self.accepted_rows + self.superseded_rows + self.quarantined_rows
            and self.raw_amount == self.accepted_amount + self.superseded_amount + self.quarantined_amount
        )


Ledger = Mapping[tuple[str, str], Entry]


def new_ledger(sources: Iterable[str], days: Sequence[str]) -> dict[tuple[str, str], Entry]:
    """An entry for each source and day of the window, also for days without files."""
    return {(source, day): Entry(source, day) for source in sources for day in days}


def check(ledger: Ledger) -> None:
    """Refuse a ledger that does not add up.

    Raises:
        JobError: names the first entries concerned with their figures.
    """
    wrong = [entry for entry in ledger.values() if not entry.adds_up()]
    if wrong:
        figures = "; ".join(
            f"{entry.source} {entry.delivery_date}: raw {entry.raw_rows} rows / {entry.raw_amount}, accepted "
            f"{entry.accepted_rows} / {entry.accepted_amount}, superseded {entry.superseded_rows} / "
            f"{entry.superseded_amount}, quarantined {entry.quarantined_rows} / {entry.quarantined_amount}"
            for entry in wrong[:3]
        )
        raise JobError(
            f"the ledger of {len(wrong)} source-day(s) does not add up, nothing was published: {figures}; "
            "were files changed while the job ran? Run it again; if it persists, this is a bug in processing"
        )


def table(ledger: Ledger) -> str:
    """The ledger as a text table, one line per source, or per source and day for windows up to seven days."""
    days = sorted({day for _, day in ledger})
    lines: dict[tuple[str, str], Entry] = {}
    for (source, day), entry in ledger.items():
        label = day if len(days) <= 7 else f"{days[0]} … {days[-1]}"
        total = lines.setdefault((source, label), Entry(source, label))
        for field in fields(Entry)[2:]:
            setattr(total, field.name, getattr(total, field.name) + getattr(entry, field.name))
    rows = [("source", "day", "files", "raw", "accepted", "superseded", "quarantined", "amount accepted")]
    for entry in lines.values():
        rows.append(
            (
                entry.source,
                entry.delivery_date,
                f"{entry.files:,}",
                f"{entry.raw_rows:,}",
                f"{entry.accepted_rows:,}",
                f"{entry.superseded_rows:,}",
                f"{entry.quarantined_rows:,}",
                f"{entry.accepted_amount:,}" if entry.raw_amount else "",
            )
        )
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index < 2 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
