-- The conditions for publishing. The lock comes first, so that writers of the queue wait for each other.
{% from "macros/built_by.sql" import note_code, out_of_date %}
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

-- guard: tables hold rows of an earlier version of their SQL; rebuild them, or accept them with a reason: docs/changing-things.md, Logic
select
    table_name,
    file_name as changed_file,
    what
from (
    {{ out_of_date() }}
) as out_of_date
order by table_name, file_name;

-- A table that nothing was noted of: all its rows are of this code, or of a release before code was noted.
{{ note_code() }}
where not exists (
    select 1
    from quality.built_by
    where built_by.table_name = code.table_name
);
