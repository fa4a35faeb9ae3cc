-- Moves the published day on and empties the queues of what the aggregates now show.
{% from "macros/queue.sql" import dequeue %}
{{ dequeue("agg_order", "agg_customer", "agg_product", "agg_all") }};
delete from history.published_line;
delete from history.pending_range;
delete from history.pending_event_day;

update quality.load_runs
set published_at = getdate()
where published_at is null;

update analytics.published
set published_day = (
    select max(load_runs.end_date)
    from quality.load_runs
);

update quality.warehouse_state
set
    published_day = (select published.published_day from analytics.published),
    published_at = getdate(),
    published_run_id = '{{ load.run_key }}';
