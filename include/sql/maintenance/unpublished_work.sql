-- Work that a run merged and that is not published yet; no row when there is none. Whole-warehouse audits compare
-- aggregates with facts, which agree only then.
with audits as (
    select coalesce(max(audited_seq), 0) as audited_seq
    from quality.audit_state
)

select
    'keys of ' || entity as what,
    count(*) as pending
from history.pending_key
group by entity
union all
select
    'stock snapshots' as what,
    count(*) as pending
from history.pending_inventory
having count(*) > 0
union all
select
    'days of web events' as what,
    count(*) as pending
from history.pending_event_day
having count(*) > 0
union all
select
    'merges without audit' as what,
    max(merges.merge_seq - audits.audited_seq) as pending
from quality.warehouse_state as merges
cross join audits
having max(merges.merge_seq - audits.audited_seq) > 0;
