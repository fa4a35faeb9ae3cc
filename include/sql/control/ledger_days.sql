-- The ledger of a span of days, for sensors of other DAGs and for replays.
select
    source,
    delivery_date,
    run_id,
    raw_rows,
    accepted_rows,
    superseded_rows,
    quarantined_rows,
    raw_amount - accepted_amount - superseded_amount - quarantined_amount as amount_difference
from quality.ledger
where delivery_date between %s and %s -- noqa: PRS
order by delivery_date, source;
