-- audit: history holds for each source and day of the run exactly the rows and the money that the ledger counts as accepted
-- severity: fail
with held as (
    {% for source in load.sources %}
        select
            '{{ source.name }}' as source,
            delivery_date,
            count(*) as history_rows,
            {% if source.amount %}
                cast(sum({{ source.amount }}) as decimal(38, 4)) as history_amount
            {% else %}
                cast(0 as decimal(38, 4)) as history_amount
            {% endif %}
        from history.{{ source.name }}
        where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
        group by delivery_date
        {% if not loop.last %}
            union all
        {% endif %}
    {% endfor %}
)

select
    ledger.source,
    ledger.delivery_date,
    ledger.accepted_rows,
    coalesce(held.history_rows, 0) as history_rows,
    ledger.accepted_amount,
    coalesce(held.history_amount, 0) as history_amount
from quality.ledger as ledger
left join held on ledger.source = held.source and ledger.delivery_date = held.delivery_date
where
    ledger.delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
    and (
        ledger.accepted_rows <> coalesce(held.history_rows, 0)
        or ledger.accepted_amount <> coalesce(held.history_amount, 0)
    )
