-- The repairs that were applied, with the checksum of their text.
select
    version,
    checksum
from quality.schema_migrations;
