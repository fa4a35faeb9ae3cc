"""The laptop's Amazon Redshift: a server that speaks Redshift in front of an embedded PostgreSQL.

``server``     listens, knows the sessions, passes cancel requests on
``session``    one client: relays messages, carries out what is more than a statement
``wire``       the PostgreSQL protocol, and the way in to the server behind
``dialect``    Redshift SQL to PostgreSQL SQL; its docstring lists the known differences
``copy_load``  COPY from S3
``history``    SYS_QUERY_HISTORY and the load tables
``warehouse``  makes a database a warehouse: the admin role and ``shim/*.sql``
"""
