"""Starts, watches, shows and stops everything that makes a laptop look like the AWS account.

``steps``       the components to start, their order, and the test of each that it is ready
``supervisor``  brings the steps up, heals them, takes them down
``processes``   processes with a memory: pid files that survive this process and distrust reused pids
``ports``       ports, and the processes that listen on them
``display``     progress for people, plain lines for logs
``airflow``     Airflow's environment on a laptop, and a client of its REST API
``demo``        ``make run``: three generated days through the real scheduler
``summary``     what the warehouse holds, as tables
``psql``        a SQL prompt on the warehouse
"""
