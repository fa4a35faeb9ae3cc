-- Replaces the run's slices of history by what COPY put into staging, and queues every key that the change touches:
-- keys of the old slice and of the new one. All sources at once: history never holds half a day.
{% from "macros/queue.sql" import count_merge %}
lock table history.pending_key;

{% include "quality/warehouse_option/guard.sql" %}
{% include "history/slice_guards.sql" %}
{% include "history/touched_keys.sql" %}
{% include "history/queue_touched_keys.sql" %}

{% for source in load.sources %}
    delete from history.{{ source.name }}
    where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}';

    insert into history.{{ source.name }} ({{ source.columns | join(', ') }})
    select {{ source.columns | join(', ') }}
    from staging.stg_{{ source.name }}
    where run_id = '{{ load.run_key }}';
{% endfor %}

{% include "history/queue_versions.sql" %}
{% include "quality/count_slices.sql" %}

{{ count_merge() }};
