-- generated from include/sources; run make generate
-- What is known of the person of erased_person, and whether other customers have it, too.
select
    personal_kind,
    personal_value,
    max(is_shared) as is_shared
from (
    select
        'given_name' as personal_kind,
        cast(customers.first_name as varchar(1024)) as personal_value,
        max(
            case when customers.customer_id = mine.customer_id then 0 else 1 end
        ) as is_shared
    from history.customers as customers
    inner join (
        select distinct
            own.first_name,
            erased_person.customer_id
        from history.customers as own
        inner join erased_person on own.customer_id = erased_person.customer_id
    ) as mine
        on customers.first_name = mine.first_name
    where customers.customer_id is not null
    group by 1, 2
    union all
    select
        'family_name' as personal_kind,
        cast(customers.last_name as varchar(1024)) as personal_value,
        max(
            case when customers.customer_id = mine.customer_id then 0 else 1 end
        ) as is_shared
    from history.customers as customers
    inner join (
        select distinct
            own.last_name,
            erased_person.customer_id
        from history.customers as own
        inner join erased_person on own.customer_id = erased_person.customer_id
    ) as mine
        on customers.last_name = mine.last_name
    where customers.customer_id is not null
    group by 1, 2
    union all
    select
        'email' as personal_kind,
        cast(customers.email as varchar(1024)) as personal_value,
        max(
            case when customers.customer_id = mine.customer_id then 0 else 1 end
        ) as is_shared
    from history.customers as customers
    inner join (
        select distinct
            own.email,
            erased_person.customer_id
        from history.customers as own
        inner join erased_person on own.customer_id = erased_person.customer_id
    ) as mine
        on customers.email = mine.email
    where customers.customer_id is not null
    group by 1, 2
    union all
    select
        'phone' as personal_kind,
        cast(customers.phone as varchar(1024)) as personal_value,
        max(
            case when customers.customer_id = mine.customer_id then 0 else 1 end
        ) as is_shared
    from history.customers as customers
    inner join (
        select distinct
            own.phone,
            erased_person.customer_id
        from history.customers as own
        inner join erased_person on own.customer_id = erased_person.customer_id
    ) as mine
        on customers.phone = mine.phone
    where customers.customer_id is not null
    group by 1, 2
    union all
    select
        'birth_date' as personal_kind,
        cast(customers.date_of_birth as varchar(1024)) as personal_value,
        max(
            case when customers.customer_id = mine.customer_id then 0 else 1 end
        ) as is_shared
    from history.customers as customers
    inner join (
        select distinct
            own.date_of_birth,
            erased_person.customer_id
        from history.customers as own
        inner join erased_person on own.customer_id = erased_person.customer_id
    ) as mine
        on customers.date_of_birth = mine.date_of_birth
    where customers.customer_id is not null
    group by 1, 2
    union all
    select
        'address' as personal_kind,
        cast(customers.address as varchar(1024)) as personal_value,
        max(
            case when customers.customer_id = mine.customer_id then 0 else 1 end
        ) as is_shared
    from history.customers as customers
    inner join (
        select distinct
            own.address,
            erased_person.customer_id
        from history.customers as own
        inner join erased_person on own.customer_id = erased_person.customer_id
    ) as mine
        on customers.address = mine.address
    where customers.customer_id is not null
    group by 1, 2
) as known
group by 1, 2;
