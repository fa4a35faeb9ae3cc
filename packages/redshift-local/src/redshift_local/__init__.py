"""Amazon Redshift on one machine: a server that speaks Redshift in front of an embedded PostgreSQL.

``cli``        the command ``redshift-local``; ``running`` serves until a signal, ``settings`` describes an endpoint
``postgres``   the embedded PostgreSQL
``warehouse``  makes a database a warehouse: the admin role and ``shim/*.sql``
``server``     listens, knows the sessions, passes cancel requests on
``session``    one client; ``extended`` serves the extended protocol, ``conversation`` talks to PostgreSQL
``tuning``     statistics and indexes around the client's statements
``copying``    one COPY of a session; ``copy_load`` reads the objects from S3
``history``    SYS_QUERY_HISTORY and the load tables
``wire``       the PostgreSQL protocol
``dialect``    Redshift SQL to PostgreSQL SQL; its docstring lists the known differences
``testing``    endpoints for tests, and ``pytest_plugin`` with the fixture ``redshift_local``
"""
