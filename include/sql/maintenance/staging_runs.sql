-- Runs that have rows in staging.
{% for source in load.sources %}
    select
        run_id,
        count(*) as staged_rows
    from staging.stg_{{ source.name }}
    group by run_id
    union all
{% endfor %}
select
    run_id,
    count(*) as staged_rows
from staging.stg_ledger
group by run_id
union all
select
    run_id,
    count(*) as staged_rows
from staging.stg_check_result
group by run_id;
