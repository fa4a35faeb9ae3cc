"""Amazon Redshift: the client, the operators that run SQL files, audits, bootstrap, sensors and lineage."""
