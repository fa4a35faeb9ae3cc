-- Adds the places of the new sales. A step of facts/fact_sales/merge.sql.
insert into dimensions.dim_geography (geography_key, country, state, city)
select distinct
    new_sale.geography_key,
    new_sale.country,
    new_sale.state,
    new_sale.city
from new_sale
left join dimensions.dim_geography as places on new_sale.geography_key = places.geography_key
where places.geography_key is null;

-- Removes the places that no sale refers to any more.
create temp table left_place as
select geography_key from old_sale
except
select geography_key from new_sale;

-- bounds: places that may be without sales now
select count(*) as left_places
from left_place;

create temp table vacant_place as
select geography_key
from left_place
where false;

-- if: left_places
insert into vacant_place (geography_key)
select left_place.geography_key
from left_place
left join facts.fact_sales as sales on left_place.geography_key = sales.geography_key
where sales.geography_key is null;

-- if: left_places
delete from dimensions.dim_geography
using vacant_place
where dim_geography.geography_key = vacant_place.geography_key;
