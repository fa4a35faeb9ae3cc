"""The client in the place of a session that the site did not send.

Events of one session may be delivered on different days and in any order, so the warehouse cuts sessions
(``include/sql/facts/fact_web_events/sessions.sql``), which knows the events of all days. Processing knows what the
warehouse does not: the client's columns, of which some are personal and stay in history.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import SourceContract


def mark_visitors(rows: DataFrame, contract: SourceContract) -> DataFrame:
    """Fill empty session ids with the client's id and add the contract's ``session_derived`` column.

    Args:
        rows: accepted rows.
        contract: contract of the source; without `Sessions` the rows come back unchanged.
    """
    sessions = contract.sessions
    if sessions is None:
        return rows
    session = F.col(sessions.session_column)
    known = F.coalesce(*(F.col(name) for name in sessions.client_columns)).isNotNull()
    client = F.concat_ws("\0", *(F.coalesce(F.col(name), F.lit("")) for name in sessions.client_columns))
    # Of an event without any client's column nothing says whose it is: a visitor of its own.
    who = F.when(known, F.concat(F.lit("a:"), client)).otherwise(F.concat(F.lit("e:"), F.col(contract.key)))
    for column in contract.derived_columns:
        if column.derivation == "session_derived":
            rows = rows.withColumn(column.name, session.isNull())
    return rows.withColumn(
        sessions.session_column, F.coalesce(session, F.concat(F.lit("d-"), F.md5(who.cast("binary"))))
    )
