"""Amazon Redshift: the client, the operators that run SQL files, audits, bootstrap, and sensors."""
