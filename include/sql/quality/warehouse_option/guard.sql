-- Facts built with two values of an option would be added up as if they were of one kind. A step of
-- history/replace_slices.sql; maintenance/rebuild_warehouse.sql forgets the values.
-- guard: business_timezone or reporting_currency is not that of the facts; run maintenance/rebuild_warehouse.sql
select
    option_name,
    option_value
from quality.warehouse_option
where
    (option_name = 'business_timezone' and option_value <> '{{ load.business_timezone }}')
    or (option_name = 'reporting_currency' and option_value <> '{{ load.reporting_currency }}');

insert into quality.warehouse_option (option_name, option_value)
select
    'business_timezone' as option_name,
    '{{ load.business_timezone }}' as option_value
where
    not exists (
        select 1
        from quality.warehouse_option
        where option_name = 'business_timezone'
    )
union all
select
    'reporting_currency' as option_name,
    '{{ load.reporting_currency }}' as option_value
where
    not exists (
        select 1
        from quality.warehouse_option
        where option_name = 'reporting_currency'
    );
