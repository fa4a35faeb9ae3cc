-- The ledger of the run's days by source, for the log, the metrics and the asset events.
select
    source,
    sum(files) as files,
    sum(raw_rows) as raw_rows,
    sum(accepted_rows) as accepted_rows,
    sum(superseded_rows) as superseded_rows,
    sum(quarantined_rows) as quarantined_rows
from quality.ledger
where run_id = '{{ load.run_key }}'
group by source
order by source;
