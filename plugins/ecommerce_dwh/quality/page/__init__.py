"""The Data quality page of the Airflow web UI.

``store`` reads reports from S3 and keeps a compact index of them, ``index`` is that index, ``views`` turns it into
what a page shows, ``charts`` draws, ``app`` is the web application. Nothing here is imported by DAGs.
"""
