-- Ledger, check results and the run itself; a step of history/replace_slices.sql.
delete from quality.ledger
where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}';

insert into quality.ledger (
    source,
    delivery_date,
    run_id,
    files,
    raw_rows,
    accepted_rows,
    superseded_rows,
    quarantined_rows,
    raw_amount,
    accepted_amount, superseded_amount, quarantined_amount
)
select
    source,
    delivery_date,
    run_id,
    files,
    raw_rows,
    accepted_rows,
    superseded_rows,
    quarantined_rows,
    raw_amount,
    accepted_amount,
    superseded_amount,
    quarantined_amount
from staging.stg_ledger
where run_id = '{{ load.run_key }}';

delete from quality.check_results
where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}';

insert into quality.check_results (
    run_id,
    delivery_date,
    source,
    rule,
    dimension,
    severity,
    rows_checked,
    rows_failed,
    failed_ratio,
    threshold,
    passed, message
)
select
    run_id,
    delivery_date,
    source,
    rule,
    dimension,
    severity,
    rows_checked,
    rows_failed,
    failed_ratio,
    threshold,
    passed,
    message
from staging.stg_check_result
where run_id = '{{ load.run_key }}';

delete from quality.load_runs
where run_id = '{{ load.run_key }}';

insert into quality.load_runs (run_id, start_date, end_date, loaded_at)
select
    '{{ load.run_key }}' as run_id,
    cast('{{ load.start_date }}' as date) as start_date,
    cast('{{ load.end_date }}' as date) as end_date,
    getdate() as loaded_at;
