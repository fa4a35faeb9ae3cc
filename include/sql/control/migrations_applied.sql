-- The applied files with the checksum of their text.
select
    version,
    checksum
from quality.schema_migrations;
