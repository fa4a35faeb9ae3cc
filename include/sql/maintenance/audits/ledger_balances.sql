-- audit: over the whole warehouse, accepted = current + superseded + held, in rows and in money
-- severity: fail
select
    source,
    accepted_rows,
    current_rows,
    superseded_rows,
    held_rows,
    accepted_amount,
    current_amount,
    superseded_amount,
    held_amount
from quality.ledger_balance
where
    accepted_rows <> current_rows + superseded_rows + held_rows
    or accepted_amount <> current_amount + superseded_amount + held_amount
