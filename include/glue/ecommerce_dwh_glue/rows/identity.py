"""The columns by which rows are rivals, and the hash by which rivals are equal."""

from __future__ import annotations

from ecommerce_dwh.contracts import SourceContract


def identity(contract: SourceContract) -> list[str]:
    """Columns of which a day keeps one row per value."""
    extra = ["version_at"] if contract.history == "scd2" else []
    return ["delivery_date", contract.key, *extra]


def good_columns(contract: SourceContract) -> list[str]:
    """Columns of an accepted row that follow from it alone; ``row_hash`` and ``run_id`` are added later."""
    derived = [column.name for column in contract.derived_columns if column.derivation.startswith("raw:")]
    columns = [column.name for column in contract.columns]
    return ["delivery_date", *columns, *derived, "version_at", "source_file", "source_line"]


def row_hash_sql(contract: SourceContract) -> str:
    """md5 over the content: canonical texts of all columns but the key and the version, NUL between them.

    No text holds a NUL and no present text is empty, so two contents are equal exactly when these texts are.
    """
    texts = ", ".join(
        f"coalesce(cast(`{column.name}` as string), '')"
        for column in contract.columns
        if column.name not in (contract.key, contract.version_column)
    )
    return f"md5(cast(concat_ws('\\0', {texts}) as binary))"
