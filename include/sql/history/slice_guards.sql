-- guard: copied rows are not those counted for exactly the run's days; clear the load_staging tasks, or process_data
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
        count(*) as ledger_rows,
        sum(accepted_rows) as accepted_rows
    from staging.stg_ledger
    where run_id = '{{ load.run_key }}'
    group by source, delivery_date
),

covered as (
    select count(*) as slices
    from counted
    where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
)

select
    coalesce(counted.source, copied.source) as source,
    coalesce(counted.delivery_date, copied.delivery_date) as delivery_date,
    counted.ledger_rows,
    counted.accepted_rows,
    copied.copied_rows
from counted
full outer join copied
    on counted.source = copied.source and counted.delivery_date = copied.delivery_date
where
    coalesce(counted.accepted_rows, -1) <> coalesce(copied.copied_rows, 0)
    or coalesce(counted.ledger_rows, 0) <> 1
    or counted.delivery_date not between '{{ load.start_date }}' and '{{ load.end_date }}'
union all
select
    'all sources' as source,
    cast(null as date) as delivery_date,
    slices as ledger_rows,
    cast(null as bigint) as accepted_rows,
    cast(null as bigint) as copied_rows
from covered
where
    slices <> {{ load.sources | length }}
    * (datediff(day, cast('{{ load.start_date }}' as date), cast('{{ load.end_date }}' as date)) + 1);
