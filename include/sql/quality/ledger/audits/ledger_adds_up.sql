-- audit: each source and day of the run: raw = accepted + superseded + quarantined, in rows and in money
-- severity: fail
select
    source,
    delivery_date,
    raw_rows,
    accepted_rows,
    superseded_rows,
    quarantined_rows,
    raw_amount,
    accepted_amount,
    superseded_amount,
    quarantined_amount
from quality.ledger
where
    run_id = '{{ load.run_key }}'
    and (
        raw_rows <> accepted_rows + superseded_rows + quarantined_rows
        or raw_amount <> accepted_amount + superseded_amount + quarantined_amount
    )
