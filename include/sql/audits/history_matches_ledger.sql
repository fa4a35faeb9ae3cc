-- audit: history holds for each source and day of the run exactly the rows that the ledger counts as accepted
-- severity: fail
with held as (
    select 'customers' as source, delivery_date, count(*) as history_rows
    from history.customers
    where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
    group by delivery_date
    union all
    select 'products' as source, delivery_date, count(*) as history_rows
    from history.products
    where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
    group by delivery_date
    union all
    select 'orders' as source, delivery_date, count(*) as history_rows
    from history.orders
    where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
    group by delivery_date
    union all
    select 'order_items' as source, delivery_date, count(*) as history_rows
    from history.order_items
    where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
    group by delivery_date
    union all
    select 'web_events' as source, delivery_date, count(*) as history_rows
    from history.web_events
    where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
    group by delivery_date
)

select ledger.source, ledger.delivery_date, ledger.accepted_rows, coalesce(held.history_rows, 0) as history_rows
from quality.ledger as ledger
left join held on ledger.source = held.source and ledger.delivery_date = held.delivery_date
where
    ledger.delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
    and ledger.accepted_rows <> coalesce(held.history_rows, 0)
