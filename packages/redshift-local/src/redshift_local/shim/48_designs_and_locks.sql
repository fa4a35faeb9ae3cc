-- System views of designs, columns' privileges and locks, with the columns of their pages of the guide
-- (https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_system-tables.html).

-- r_PG_CLASS_INFO: PG_CLASS with its oid as reloid, and the distribution: 0 EVEN, 1 KEY, 8 ALL; 9 is AUTO, which is in
-- effect 10 ALL, 11 EVEN or 12 KEY.
create or replace view redshift_shim.pg_class_info as
select
    class.oid as reloid, class.relname, class.relnamespace, class.reltype, class.relowner, class.relam,
    class.relfilenode, class.reltablespace, class.relpages, class.reltuples, class.reltoastrelid, class.relhasindex,
    class.relisshared, class.relkind, class.relnatts, class.relchecks, class.relhasrules, class.relacl,
    cast(null as timestamp) as relcreationtime,
    case
        when class.relkind <> 'r' then 0 when design.distkey is not null then 1
        when upper(design.diststyle) = 'ALL' then 8 when upper(design.diststyle) = 'EVEN' then 0 else 9
    end as reldiststyle,
    case
        when class.relkind <> 'r' then 0 when design.distkey is not null then 1
        when upper(design.diststyle) = 'ALL' then 8 when upper(design.diststyle) = 'EVEN' then 0 else 11
    end as releffectivediststyle
from pg_catalog.pg_class as class
left join redshift_shim.table_design as design on class.oid = design.relation;

-- r_SVV_COLUMN_PRIVILEGES: what is granted on single columns.
create or replace view redshift_shim.svv_column_privileges as
select
    relation.nspname::text as namespace_name, relation.relname::text as relation_name,
    attribute.attname::text as column_name, granted.privilege_type::text as privilege_type,
    granted.grantee::integer as identity_id, coalesce(role.rolname, 'public')::text as identity_name,
    case when granted.grantee = 0 then 'public' when role.rolcanlogin then 'user' else 'role' end as identity_type
from redshift_shim.user_relations as relation
inner join pg_catalog.pg_attribute as attribute on relation.oid = attribute.attrelid
cross join lateral pg_catalog.aclexplode(attribute.attacl) as granted
left join pg_catalog.pg_roles as role on granted.grantee = role.oid
where not attribute.attisdropped and granted.privilege_type in ('SELECT', 'UPDATE');

-- r_SVV_TRANSACTIONS: transactions that hold or wait for locks on tables. A superuser sees all, others their own.
create or replace function redshift_shim.transactions() returns table (
    txn_owner text, txn_db text, xid bigint, pid integer, txn_start timestamp, lock_mode text,
    lockable_object_type text, relation integer, granted boolean
)
language sql stable security definer set search_path = pg_catalog as $$
    select
        activity.usename::text, activity.datname::text, cast(activity.backend_xid::text as bigint), activity.pid,
        cast(activity.xact_start at time zone 'UTC' as timestamp), locks.mode::text,
        case locks.locktype when 'relation' then 'relation' else 'transactionid' end, locks.relation::integer,
        locks.granted
    from pg_locks as locks
    inner join pg_stat_activity as activity on locks.pid = activity.pid
    where
        locks.locktype in ('relation', 'transactionid') and activity.datname = current_database()
        and (locks.relation is null or exists (
            select from pg_class inner join pg_namespace on relnamespace = pg_namespace.oid
            where pg_class.oid = locks.relation and nspname not in ('pg_catalog', 'redshift_shim', 'pg_toast')
        ))
$$;

create or replace view redshift_shim.svv_transactions as
select txn_owner, txn_db, xid, pid, txn_start, lock_mode, lockable_object_type, relation, granted
from redshift_shim.transactions()
where txn_owner = current_user or redshift_shim.is_superuser();

grant select on redshift_shim.pg_class_info, redshift_shim.svv_column_privileges, redshift_shim.svv_transactions
to public;
