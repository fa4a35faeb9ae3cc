-- System views as Redshift names them, over PostgreSQL's catalog and over what the front records.

create table if not exists redshift_shim.query_history (
    user_id integer, query_id bigint generated always as identity primary key, query_label text,
    transaction_id bigint, session_id integer, database_name text, query_type text, status text,
    result_cache_hit boolean, start_time timestamp, end_time timestamp, elapsed_time bigint, queue_time bigint,
    execution_time bigint, error_message text, returned_rows bigint, returned_bytes bigint, query_text text,
    redshift_version text, username text
);

create index if not exists query_history_time on redshift_shim.query_history (start_time);

create table if not exists redshift_shim.load_history (
    user_id integer, query_id bigint, transaction_id bigint, session_id integer, database_name text, status text,
    table_name text, start_time timestamp, end_time timestamp, duration bigint, data_source text,
    file_format text, loaded_rows bigint, loaded_bytes bigint, source_file_count integer, source_file_bytes bigint,
    file_count_scanned integer, file_bytes_scanned bigint, error_count bigint, copy_job_id bigint, username text
);

create table if not exists redshift_shim.load_error_detail (
    user_id integer, query_id bigint, transaction_id bigint, session_id integer, database_name text,
    table_id integer, start_time timestamp, file_name text, line_number bigint, column_name text, column_type text,
    column_length text, "position" integer, error_code integer, error_message text, username text
);

create table if not exists redshift_shim.table_design (
    relation oid primary key, diststyle text, distkey text, sortkeys text[], primary_key text[]
);

grant usage on schema redshift_shim to public;
grant select, insert, update, delete on redshift_shim.table_design to public;

-- Redshift's superuser is a user with CREATEUSER. Here that is PostgreSQL's CREATEROLE; nobody is PostgreSQL's own.
create or replace function redshift_shim.is_superuser() returns boolean
language sql stable as $$
    select rolcreaterole from pg_catalog.pg_roles where rolname operator(pg_catalog.=) current_user
$$;

-- A user sees his own rows, a superuser all.
create or replace view redshift_shim.sys_query_history as
select
    user_id, query_id, query_label, transaction_id, session_id, database_name, query_type, status,
    result_cache_hit, start_time, end_time, elapsed_time, queue_time, execution_time, error_message,
    returned_rows, returned_bytes, query_text, redshift_version
from redshift_shim.query_history
where username = current_user or redshift_shim.is_superuser();

create or replace view redshift_shim.stl_query as
select
    user_id as userid, query_id as query, query_label as label, transaction_id as xid, session_id as pid,
    database_name as database, query_text as querytxt, start_time as starttime, end_time as endtime,
    case when status = 'success' then 0 else 1 end as aborted
from redshift_shim.sys_query_history;

create or replace view redshift_shim.sys_load_history as
select
    user_id, query_id, transaction_id, session_id, database_name, status, table_name, start_time, end_time,
    duration, data_source, file_format, loaded_rows, loaded_bytes, source_file_count, source_file_bytes,
    file_count_scanned, file_bytes_scanned, error_count, copy_job_id
from redshift_shim.load_history
where username = current_user or redshift_shim.is_superuser();

create or replace view redshift_shim.sys_load_error_detail as
select
    user_id, query_id, transaction_id, session_id, database_name, table_id, start_time, file_name, line_number,
    column_name, column_type, column_length, "position", error_code, error_message
from redshift_shim.load_error_detail
where username = current_user or redshift_shim.is_superuser();

create or replace view redshift_shim.stv_db_isolation_level as
select
    datname::text as db_name,
    case current_setting('default_transaction_isolation')
        when 'serializable' then 'Serializable' else 'Snapshot Isolation'
    end as isolation_level
from pg_catalog.pg_database
where datname = current_database();

create or replace view redshift_shim.user_relations as
select class.oid, space.nspname, class.relname, class.relkind, class.relpages, class.reltuples
from pg_catalog.pg_class as class
inner join pg_catalog.pg_namespace as space on class.relnamespace = space.oid
where
    class.relkind in ('r', 'p', 'v', 'm')
    and space.nspname not in ('pg_catalog', 'information_schema', 'redshift_shim', 'pg_toast')
    and (space.oid = pg_catalog.pg_my_temp_schema() or space.nspname not like 'pg\_temp\_%')
    and space.nspname not like 'pg\_toast\_temp\_%';

create or replace view redshift_shim.svv_table_info as
select
    current_database()::text as database, relation.nspname::text as schema, relation.oid::integer as table_id,
    relation.relname::text as "table", 'Y'::text as encoded,
    case
        when design.distkey is not null then 'KEY(' || design.distkey || ')'
        else coalesce(upper(design.diststyle), 'AUTO(EVEN)')
    end as diststyle,
    coalesce(design.sortkeys[1], 'AUTO(SORTKEY)') as sortkey1,
    coalesce(cardinality(design.sortkeys), 0) as sortkey_num,
    (pg_catalog.pg_total_relation_size(relation.oid) / 1048576)::bigint as size,
    cast(0 as numeric(10, 4)) as pct_used, 0::bigint as empty,
    cast(coalesce(100.0 * counts.n_dead_tup / nullif(counts.n_live_tup + counts.n_dead_tup, 0), 0) as numeric(5, 2))
        as unsorted,
    -- At most 100, as Redshift has it; rows may have changed more often than there are rows.
    cast(least(coalesce(100.0 * counts.n_mod_since_analyze / nullif(counts.n_live_tup, 0), 0), 100) as numeric(5, 2))
        as stats_off,
    cast(counts.n_live_tup + counts.n_dead_tup as numeric(38, 0)) as tbl_rows,
    cast(null as numeric(19, 2)) as skew_sortkey1, cast(null as numeric(19, 2)) as skew_rows,
    cast(counts.n_live_tup as numeric(38, 0)) as estimated_visible_rows,
    cast(null as text) as risk_event, cast(0 as numeric(12, 2)) as vacuum_sort_benefit
from redshift_shim.user_relations as relation
left join redshift_shim.table_design as design on relation.oid = design.relation
left join pg_catalog.pg_stat_user_tables as counts on relation.oid = counts.relid
where relation.relkind = 'r' and counts.n_live_tup + counts.n_dead_tup > 0;

create or replace view redshift_shim.svv_tables as
select
    current_database()::text as table_catalog, nspname::text as table_schema, relname::text as table_name,
    case relkind when 'r' then 'BASE TABLE' when 'v' then 'VIEW' else 'MATERIALIZED VIEW' end as table_type,
    pg_catalog.obj_description(oid, 'pg_class') as remarks
from redshift_shim.user_relations;

create or replace view redshift_shim.svv_all_tables as
select
    table_catalog as database_name, table_schema as schema_name, table_name,
    case table_type when 'BASE TABLE' then 'TABLE' else table_type end as table_type,
    cast(null as text) as table_acl, remarks
from redshift_shim.svv_tables;

create or replace view redshift_shim.svv_columns as
select
    current_database()::text as table_catalog, relation.nspname::text as table_schema,
    relation.relname::text as table_name, attribute.attname::text as column_name,
    attribute.attnum::integer as ordinal_position,
    pg_catalog.pg_get_expr(defaults.adbin, defaults.adrelid) as column_default,
    case when attribute.attnotnull then 'NO' else 'YES' end as is_nullable,
    case attribute.atttypid
        when 'jsonb'::regtype then 'super' when 'bytea'::regtype then 'binary varying'
        else replace(pg_catalog.format_type(attribute.atttypid, null), 'pg_catalog.', '')
    end as data_type,
    case when attribute.atttypid in (1042, 1043) and attribute.atttypmod > 4 then attribute.atttypmod - 4 end
        as character_maximum_length,
    case
        when attribute.atttypid = 1700 and attribute.atttypmod > 4
            then ((attribute.atttypmod - 4) >> 16) & 65535
        when attribute.atttypid = 21 then 16 when attribute.atttypid = 23 then 32 when attribute.atttypid = 20 then 64
    end as numeric_precision,
    case
        when attribute.atttypid = 1700 and attribute.atttypmod > 4 then (attribute.atttypmod - 4) & 2047
        when attribute.atttypid in (20, 21, 23) then 0
    end as numeric_scale,
    pg_catalog.col_description(relation.oid, attribute.attnum) as remarks,
    cast(null as text) as interval_type, cast(null as integer) as interval_precision,
    cast(null as text) as character_set_catalog, cast(null as text) as character_set_schema,
    cast(null as text) as character_set_name, cast(null as text) as collation_catalog,
    cast(null as text) as collation_schema, cast(null as text) as collation_name, cast(null as text) as domain_name
from redshift_shim.user_relations as relation
inner join pg_catalog.pg_attribute as attribute on relation.oid = attribute.attrelid
left join pg_catalog.pg_attrdef as defaults
    on attribute.attrelid = defaults.adrelid and attribute.attnum = defaults.adnum
where attribute.attnum > 0 and not attribute.attisdropped;

create or replace view redshift_shim.svv_all_columns as
select
    table_catalog as database_name, table_schema as schema_name, table_name, column_name, ordinal_position,
    column_default, is_nullable, data_type, character_maximum_length, numeric_precision, numeric_scale, remarks
from redshift_shim.svv_columns;

create or replace view redshift_shim.pg_table_def as
select
    relation.nspname::text as schemaname, relation.relname::text as tablename, attribute.attname::text as "column",
    replace(pg_catalog.format_type(attribute.atttypid, attribute.atttypmod), 'pg_catalog.', '') as type, 'none'::text as encoding,
    coalesce(design.distkey = attribute.attname, false) as distkey,
    coalesce(array_position(design.sortkeys, attribute.attname::text), 0) as sortkey,
    attribute.attnotnull as "notnull"
from redshift_shim.user_relations as relation
inner join pg_catalog.pg_attribute as attribute on relation.oid = attribute.attrelid
left join redshift_shim.table_design as design on relation.oid = design.relation
where
    attribute.attnum > 0 and not attribute.attisdropped and relation.relkind = 'r'
    and relation.nspname = any(current_schemas(false));

create or replace view redshift_shim.svv_redshift_databases as
select datname::text as database_name, datdba::integer as database_owner, 'local'::text as database_type
from pg_catalog.pg_database
where datname = current_database();

create or replace view redshift_shim.svv_roles as
select oid::integer as role_id, rolname::text as role_name
from pg_catalog.pg_roles
where not rolcanlogin and rolname not like 'pg\_%';

grant select on
    redshift_shim.sys_query_history, redshift_shim.stl_query, redshift_shim.sys_load_history,
    redshift_shim.sys_load_error_detail, redshift_shim.stv_db_isolation_level, redshift_shim.svv_table_info,
    redshift_shim.svv_tables, redshift_shim.svv_all_tables, redshift_shim.svv_columns,
    redshift_shim.svv_all_columns, redshift_shim.pg_table_def, redshift_shim.svv_redshift_databases,
    redshift_shim.svv_roles
to public;
