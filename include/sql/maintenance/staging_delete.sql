-- Forgets what a run left in staging.
{% for source in load.sources %}
    delete from staging.stg_{{ source.name }}
    where run_id = '{{ load.run_key }}';
{% endfor %}
delete from staging.stg_ledger
where run_id = '{{ load.run_key }}';

delete from staging.stg_check_result
where run_id = '{{ load.run_key }}';
