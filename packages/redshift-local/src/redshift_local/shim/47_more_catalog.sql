-- System views that clients ask when they look around. Each has the columns of its page of the guide
-- (https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_system-tables.html); what this server has none of is empty.

create or replace view redshift_shim.svv_redshift_schemas as
select
    current_database()::text as database_name, nspname::text as schema_name, nspowner::integer as schema_owner,
    'local'::text as schema_type, cast(nspacl as text) as schema_acl, cast(null as text) as schema_option
from pg_catalog.pg_namespace
where nspname not in ('redshift_shim', 'pg_toast') and nspname not like 'pg\_temp\_%' and nspname not like 'pg\_toast\_temp\_%';

create or replace view redshift_shim.svv_all_schemas as
select
    database_name, schema_name, schema_owner, schema_type, schema_acl, cast(null as text) as source_database,
    schema_option
from redshift_shim.svv_redshift_schemas;

create or replace view redshift_shim.svv_redshift_tables as
select
    current_database()::text as database_name, relation.nspname::text as schema_name, relation.relname::text as table_name,
    case relation.relkind when 'r' then 'TABLE' else 'VIEW' end as table_type, cast(class.relacl as text) as table_acl,
    pg_catalog.obj_description(relation.oid, 'pg_class') as remarks,
    pg_catalog.pg_get_userbyid(class.relowner)::text as table_owner
from redshift_shim.user_relations as relation
inner join pg_catalog.pg_class as class on relation.oid = class.oid;

create or replace view redshift_shim.svv_redshift_columns as
select
    columns.table_catalog as database_name, columns.table_schema as schema_name, columns.table_name, columns.column_name,
    columns.ordinal_position, columns.data_type, columns.column_default, columns.is_nullable,
    cast('none' as text) as encoding, coalesce(design.distkey = columns.column_name, false) as distkey,
    coalesce(array_position(design.sortkeys, columns.column_name), 0) as sortkey, cast(null as text) as column_acl,
    columns.remarks
from redshift_shim.svv_columns as columns
inner join redshift_shim.user_relations as relation
    on columns.table_schema = relation.nspname and columns.table_name = relation.relname
left join redshift_shim.table_design as design on relation.oid = design.relation;

create or replace view redshift_shim.svv_mv_info as
select
    current_database()::text as database_name, relation.nspname::text as schema_name,
    pg_catalog.pg_get_userbyid(class.relowner)::text as user_name, relation.relname::text as name,
    cast('f' as text) as is_stale, 1 as state, cast('f' as text) as autorefresh, cast('f' as text) as autorewrite
from redshift_shim.user_relations as relation
inner join pg_catalog.pg_class as class on relation.oid = class.oid
where relation.relkind = 'm';

create or replace view redshift_shim.stv_mv_info as
select
    database_name as db_name, schema_name as schema, name, cast(0 as bigint) as updated_upto_xid, is_stale,
    user_name as owner_user_name, state, autorefresh, autorewrite
from redshift_shim.svv_mv_info;

create or replace view redshift_shim.svv_relation_privileges as
select
    relation.nspname::text as namespace_name, relation.relname::text as relation_name,
    granted.privilege_type::text as privilege_type, granted.grantee::integer as identity_id,
    coalesce(role.rolname, 'public')::text as identity_name,
    case when granted.grantee = 0 then 'public' when role.rolcanlogin then 'user' else 'role' end as identity_type,
    granted.is_grantable as admin_option
from redshift_shim.user_relations as relation
inner join pg_catalog.pg_class as class on relation.oid = class.oid
cross join lateral pg_catalog.aclexplode(class.relacl) as granted
left join pg_catalog.pg_roles as role on granted.grantee = role.oid
where granted.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'REFERENCES', 'TRUNCATE');

create or replace view redshift_shim.svv_schema_privileges as
select
    space.nspname::text as namespace_name, granted.privilege_type::text as privilege_type,
    granted.grantee::integer as identity_id, coalesce(role.rolname, 'public')::text as identity_name,
    case when granted.grantee = 0 then 'public' when role.rolcanlogin then 'user' else 'role' end as identity_type,
    granted.is_grantable as admin_option
from pg_catalog.pg_namespace as space
cross join lateral pg_catalog.aclexplode(space.nspacl) as granted
left join pg_catalog.pg_roles as role on granted.grantee = role.oid
where space.nspname not in ('redshift_shim', 'pg_toast', 'pg_catalog', 'information_schema');

create or replace view redshift_shim.svv_user_info as
select
    rolname::text as user_name, oid::integer as user_id, rolcreatedb as createdb, rolcreaterole as superuser,
    false as catalog_update, case when rolconnlimit < 0 then 'UNLIMITED' else rolconnlimit::text end as connection_limit,
    cast(case when rolcreaterole then 'UNRESTRICTED' else 'RESTRICTED' end as text) as syslog_access,
    cast(null as timestamp) as last_ddl_ts, 0 as session_timeout, cast(null as text) as external_id
from pg_catalog.pg_roles
where rolcanlogin and not rolsuper;

create or replace view redshift_shim.svv_user_grants as
select
    member.oid::integer as user_id, member.rolname::text as user_name, granted.oid::integer as role_id,
    granted.rolname::text as role_name, membership.admin_option
from pg_catalog.pg_auth_members as membership
inner join pg_catalog.pg_roles as member on membership.member = member.oid
inner join pg_catalog.pg_roles as granted on membership.roleid = granted.oid
where member.rolcanlogin and not granted.rolcanlogin and granted.rolname not like 'pg\_%';

create or replace view redshift_shim.svv_role_grants as
select
    member.oid::integer as role_id, member.rolname::text as role_name, granted.oid::integer as granted_role_id,
    granted.rolname::text as granted_role_name, membership.admin_option
from pg_catalog.pg_auth_members as membership
inner join pg_catalog.pg_roles as member on membership.member = member.oid
inner join pg_catalog.pg_roles as granted on membership.roleid = granted.oid
where not member.rolcanlogin and not granted.rolcanlogin and member.rolname not like 'pg\_%';

create or replace view redshift_shim.pg_proc_info as
select oid as prooid, proname, pronamespace, proowner, prolang, prosecdef, proisstrict, proretset, provolatile,
    pronargs, prorettype, proargtypes, proargnames, prosrc, proacl, prokind
from pg_catalog.pg_proc;

-- External schemas, tables and data shares: none.
create or replace view redshift_shim.svv_external_schemas as
select
    cast(0 as integer) as esoid, cast(0 as integer) as eskind, cast('' as text) as schemaname,
    cast(0 as integer) as esowner, cast('' as text) as databasename, cast('' as text) as esoptions
where false;

create or replace view redshift_shim.svv_external_databases as
select
    cast(0 as integer) as eskind, cast('' as text) as esoptions, cast('' as text) as databasename,
    cast('' as text) as location, cast('' as text) as parameters
where false;

create or replace view redshift_shim.svv_external_tables as
select
    cast('' as text) as redshift_database_name, cast('' as text) as schemaname, cast('' as text) as tablename,
    cast('' as text) as tabletype, cast('' as text) as location, cast('' as text) as input_format,
    cast('' as text) as output_format, cast('' as text) as serialization_lib, cast('' as text) as serde_parameters,
    cast(0 as integer) as compressed, cast('' as text) as parameters
where false;

create or replace view redshift_shim.svv_external_columns as
select
    cast('' as text) as redshift_database_name, cast('' as text) as schemaname, cast('' as text) as tablename,
    cast('' as text) as columnname, cast('' as text) as external_type, cast(0 as integer) as columnnum,
    cast(0 as integer) as part_key, cast('' as text) as is_nullable
where false;

create or replace view redshift_shim.svv_external_partitions as
select
    cast('' as text) as schemaname, cast('' as text) as tablename, cast('' as text) as "values",
    cast('' as text) as location, cast('' as text) as input_format, cast('' as text) as output_format,
    cast('' as text) as serialization_lib, cast('' as text) as serde_parameters, cast(0 as integer) as compressed,
    cast('' as text) as parameters
where false;

create or replace view redshift_shim.svv_datashares as
select
    cast('' as text) as share_name, cast(0 as integer) as share_id, cast(0 as integer) as share_owner,
    cast('' as text) as source_database, cast('' as text) as consumer_database, cast('' as text) as share_type,
    cast(null as timestamp) as createdate, false as is_publicaccessible, cast('' as text) as share_acl,
    cast('' as text) as producer_account, cast('' as text) as producer_namespace
where false;

-- Views without schema binding are bound here, so that they are in the catalogue as all others are.
create or replace function redshift_shim.pg_get_late_binding_view_cols() returns setof record
language sql stable as $$
    select cast('' as name), cast('' as name), cast('' as name), cast('' as varchar), 0 where false
$$;

do $body$
declare
    readable regclass;
begin
    for readable in
        select oid::regclass from pg_catalog.pg_class
        where relnamespace = 'redshift_shim'::regnamespace and relkind = 'v'
    loop
        execute format('grant select on %s to public', readable);
    end loop;
end
$body$;
