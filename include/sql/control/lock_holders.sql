-- Transactions that hold locks on a table others may wait for (r_SVV_TRANSACTIONS).
select distinct
    space.nspname as schema_name,
    held.relname as relation_name,
    locks.pid,
    locks.txn_owner,
    locks.txn_start
from svv_transactions as locks
inner join pg_class as held on locks.relation = held.oid
inner join pg_namespace as space on held.relnamespace = space.oid
where
    locks.granted
    and locks.pid <> pg_backend_pid()
    and space.nspname in ('quality', 'staging', 'history', 'dimensions', 'facts', 'analytics')
order by locks.txn_start, locks.pid;
