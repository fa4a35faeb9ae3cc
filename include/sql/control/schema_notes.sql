-- What was declared when tables and views were applied last.
select
    name,
    declared,
    catalogue
from quality.schema_objects;
