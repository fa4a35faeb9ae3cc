-- What Redshift's admin cannot do, nobody can here, by dynamic SQL in a procedure either. The front refuses the same
-- statements when they come as text; neither way may depend on the other.

-- Files of the server, large objects, and functions that run a text as a query: Redshift has none of them.
do $body$
declare
    foreign_to_redshift regprocedure;
begin
    for foreign_to_redshift in
        select oid::regprocedure
        from pg_catalog.pg_proc
        where pronamespace = 'pg_catalog'::regnamespace
            and proname ~ ('^(lo_.*|loread|lowrite|pg_read_.*|pg_ls_.*|pg_stat_file|pg_current_logfile|pg_file_.*|'
                || 'pg_notify|pg_export_snapshot|pg_logical_.*|pg_create_.*|pg_import_system_collations|'
                || '(query|table|schema|database|cursor)_to_xml.*|ts_stat)$')
    loop
        execute format('revoke execute on function %s from public', foreign_to_redshift);
    end loop;
end
$body$;

create or replace function redshift_shim.only_redshift() returns event_trigger
language plpgsql as $$
begin
    if not (select rolsuper from pg_catalog.pg_roles where rolname operator(pg_catalog.=) session_user) then
        raise exception '% is not supported by Amazon Redshift', tg_tag using errcode = '0A000';
    end if;
end
$$;

drop event trigger if exists redshift_only_redshift;

create event trigger redshift_only_redshift on ddl_command_start
when tag in (
    'CREATE EXTENSION', 'ALTER EXTENSION', 'DROP EXTENSION', 'CREATE LANGUAGE', 'ALTER LANGUAGE', 'DROP LANGUAGE',
    'CREATE TRIGGER', 'ALTER TRIGGER', 'DROP TRIGGER', 'CREATE RULE', 'ALTER RULE', 'DROP RULE',
    'CREATE AGGREGATE', 'CREATE CAST', 'CREATE COLLATION', 'CREATE CONVERSION', 'CREATE DOMAIN', 'CREATE TYPE',
    'CREATE OPERATOR', 'CREATE OPERATOR CLASS', 'CREATE OPERATOR FAMILY', 'CREATE ACCESS METHOD',
    'CREATE SERVER', 'CREATE USER MAPPING', 'CREATE FOREIGN DATA WRAPPER', 'CREATE FOREIGN TABLE',
    'IMPORT FOREIGN SCHEMA', 'CREATE PUBLICATION', 'CREATE SUBSCRIPTION', 'CREATE POLICY', 'CREATE TRANSFORM',
    'CREATE TEXT SEARCH CONFIGURATION', 'CREATE TEXT SEARCH DICTIONARY', 'CREATE TEXT SEARCH PARSER',
    'CREATE TEXT SEARCH TEMPLATE', 'SECURITY LABEL'
)
execute function redshift_shim.only_redshift();
