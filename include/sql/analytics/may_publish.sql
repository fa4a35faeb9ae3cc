-- The conditions for publishing. The lock comes first, so that writers of the queue wait for each other.
{% from "macros/queue.sql" import waits_for_merge %}
lock table history.pending_key;

-- guard: something was merged after the last passed audit; let that run finish, or clear this run from audit
select merges.merge_seq
from quality.warehouse_state as merges
left join quality.audit_state as audits on merges.merge_seq = audits.audited_seq
where audits.audited_seq is null;

-- guard: another run has loaded days that are not merged yet; let it finish, or clear this run from merge_dimensions
select
    'pending keys' as what,
    count(*) as pending
from history.pending_key
where {{ waits_for_merge() }}
having count(*) > 0
union all
select
    'pending stock snapshots' as what,
    count(*) as pending
from history.pending_inventory
having count(*) > 0;
