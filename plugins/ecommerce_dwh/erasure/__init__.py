"""Erasure of one person from lake and warehouse: requests, the person's values, and the tasks."""
