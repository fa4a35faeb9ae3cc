"""Alert mails: Airflow callbacks, texts, sending, open incidents, and what Airflow knows of a run's tasks."""
