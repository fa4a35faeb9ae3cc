"""Sessions for events that came without one.

A session is a customer's (or, for anonymous visitors, a client's) events of one day with less than the contract's
gap between neighbours. Its id is a hash of who, day and first instant, so the same files give the same ids whatever
the window of the run. Days are looked at one by one for that reason.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import SourceContract


def derive_sessions(rows: DataFrame, contract: SourceContract) -> DataFrame:
    """Fill empty session ids and add the contract's ``session_derived`` column.

    Args:
        rows: accepted rows.
        contract: contract of the source; without `Sessions` the rows come back unchanged.
    """
    sessions = contract.sessions
    if sessions is None:
        return rows
    flags = [column.name for column in contract.derived_columns if column.derivation == "session_derived"]
    session, instant = F.col(sessions.session_column), F.col(sessions.time_column)
    client = F.concat_ws("\0", *(F.coalesce(F.col(name), F.lit("")) for name in sessions.client_columns))
    anonymous = F.when(
        F.coalesce(*(F.col(name) for name in sessions.client_columns)).isNull(),
        # Nothing is known about the client: every event is a session of its own.
        F.concat(F.lit("e:"), F.col(contract.key)),
    ).otherwise(F.concat(F.lit("a:"), F.md5(client.cast("binary"))))
    who = F.coalesce(F.concat(F.lit("c:"), F.col(sessions.customer_column)), anonymous)
    # Rows that have a session form groups of their own, each of one row, and keep it.
    party = F.when(session.isNull(), who).otherwise(F.concat(F.lit("k:"), F.col(contract.key)))
    order = Window.partitionBy("delivery_date", "party").orderBy(sessions.time_column, contract.key)
    gap = F.expr(f"interval {sessions.gap_minutes} minutes")
    started = rows.withColumn("party", party).withColumn(
        "started",
        F.when(F.coalesce(instant >= F.lag(instant).over(order) + gap, F.lit(True)), instant),
    )
    first = F.last("started", ignorenulls=True).over(order)
    made = F.md5(
        F.concat_ws("\0", F.col("delivery_date").cast("string"), F.col("party"), first.cast("string")).cast(
            "binary"
        )
    )
    result = started
    for name in flags:
        result = result.withColumn(name, session.isNull())
    return result.withColumn(sessions.session_column, F.coalesce(session, F.concat(F.lit("d-"), made))).drop(
        "party", "started"
    )
