"""Alert mails: Airflow callbacks, texts, sending, open incidents, and the history of a run's tasks."""
