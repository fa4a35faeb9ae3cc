-- generated from include/sources; run make generate
-- What is known of the person of erased_person, and whether other customers have it, too.
select
    personal_value,
    max(is_shared) as is_shared
from (
    select
        cast(customers.first_name as varchar(1024)) as personal_value,
        max(case when customers.customer_id = mine.customer_id then 0 else 1 end) as is_shared
    from history.customers as customers
    inner join (
        select distinct
            own.first_name,
            erased_person.customer_id
        from history.customers as own
        inner join erased_person on own.customer_id = erased_person.customer_id
    ) as mine
        on customers.first_name = mine.first_name
    group by 1
    union all
    select
        cast(customers.last_name as varchar(1024)) as personal_value,
        max(case when customers.customer_id = mine.customer_id then 0 else 1 end) as is_shared
    from history.customers as customers
    inner join (
        select distinct
            own.last_name,
            erased_person.customer_id
        from history.customers as own
        inner join erased_person on own.customer_id = erased_person.customer_id
    ) as mine
        on customers.last_name = mine.last_name
    group by 1
    union all
    select
        cast(customers.email as varchar(1024)) as personal_value,
        max(case when customers.customer_id = mine.customer_id then 0 else 1 end) as is_shared
    from history.customers as customers
    inner join (
        select distinct
            own.email,
            erased_person.customer_id
        from history.customers as own
        inner join erased_person on own.customer_id = erased_person.customer_id
    ) as mine
        on customers.email = mine.email
    group by 1
    union all
    select
        cast(customers.phone as varchar(1024)) as personal_value,
        max(case when customers.customer_id = mine.customer_id then 0 else 1 end) as is_shared
    from history.customers as customers
    inner join (
        select distinct
            own.phone,
            erased_person.customer_id
        from history.customers as own
        inner join erased_person on own.customer_id = erased_person.customer_id
    ) as mine
        on customers.phone = mine.phone
    group by 1
    union all
    select
        cast(customers.date_of_birth as varchar(1024)) as personal_value,
        max(case when customers.customer_id = mine.customer_id then 0 else 1 end) as is_shared
    from history.customers as customers
    inner join (
        select distinct
            own.date_of_birth,
            erased_person.customer_id
        from history.customers as own
        inner join erased_person on own.customer_id = erased_person.customer_id
    ) as mine
        on customers.date_of_birth = mine.date_of_birth
    group by 1
    union all
    select
        cast(customers.address as varchar(1024)) as personal_value,
        max(case when customers.customer_id = mine.customer_id then 0 else 1 end) as is_shared
    from history.customers as customers
    inner join (
        select distinct
            own.address,
            erased_person.customer_id
        from history.customers as own
        inner join erased_person on own.customer_id = erased_person.customer_id
    ) as mine
        on customers.address = mine.address
    group by 1
) as known
group by 1;
