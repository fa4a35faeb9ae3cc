"""The Data quality page of the Airflow web UI.

``bucket`` reads from S3, ``store`` keeps a compact index of the reports, ``index`` is that index. ``views`` and
``day_page`` compute what a page shows, ``charts`` draws, ``responses`` makes HTML of it, ``app`` is the web
application. Nothing here is imported by DAGs.
"""
