"""Example of the variable ``known`` that ddl/comments.sql is rendered with, for sqlfluff."""

description = "One order line."
definitions = "docs/metrics.md"
columns = {"order_id": "natural key of the order", "order_date": "day of the order"}
