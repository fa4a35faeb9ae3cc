"""A published day: its Airflow assets, its metrics, and the watch on its age."""
