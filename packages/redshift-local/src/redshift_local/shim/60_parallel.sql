-- A query with one function that is not marked as safe is never worked on by several processes, whatever the function
-- does. All of these compute from what they are given; those that look at the session are volatile.

do $body$
declare
    pure regprocedure;
begin
    for pure in
        select oid::regprocedure
        from pg_catalog.pg_proc
        where pronamespace = 'redshift_shim'::regnamespace and prokind = 'f' and provolatile in ('i', 's')
            and proparallel <> 's'
    loop
        execute format('alter function %s parallel safe', pure);
    end loop;
end
$body$;
