-- guard: what was copied is not what processing counted; clear the load_staging tasks to copy again
with copied as (
    {% for source in load.sources %}
        select
            '{{ source.name }}' as source,
            delivery_date,
            count(*) as copied_rows
        from staging.stg_{{ source.name }}
        where run_id = '{{ load.run_key }}'
        group by delivery_date
        {% if not loop.last %}
            union all
        {% endif %}
    {% endfor %}
),

counted as (
    select
        source,
        delivery_date,
        accepted_rows
    from staging.stg_ledger
    where run_id = '{{ load.run_key }}'
)

select
    coalesce(counted.source, copied.source) as source,
    coalesce(counted.delivery_date, copied.delivery_date) as delivery_date,
    counted.accepted_rows,
    copied.copied_rows
from counted
full outer join copied
    on counted.source = copied.source and counted.delivery_date = copied.delivery_date
where coalesce(counted.accepted_rows, -1) <> coalesce(copied.copied_rows, 0);

-- guard: the ledger of this run does not cover exactly its days; clear process_data to count again
select
    count(*) as ledger_rows,
    {{ load.sources | length }}
    * (datediff(day, cast('{{ load.start_date }}' as date), cast('{{ load.end_date }}' as date)) + 1)
        as expected_rows,
    min(delivery_date) as first_day,
    max(delivery_date) as last_day
from staging.stg_ledger
where run_id = '{{ load.run_key }}'
having
    count(*)
    <> {{ load.sources | length }}
    * (datediff(day, cast('{{ load.start_date }}' as date), cast('{{ load.end_date }}' as date)) + 1)
    or count(distinct source || cast(delivery_date as varchar(10))) <> count(*)
    or min(delivery_date) < cast('{{ load.start_date }}' as date)
    or max(delivery_date) > cast('{{ load.end_date }}' as date);
