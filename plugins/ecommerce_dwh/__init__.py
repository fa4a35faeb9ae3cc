"""The product package: everything the DAGs import. Importing it alone pulls in neither Airflow nor boto3."""
