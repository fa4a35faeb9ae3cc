"""Example values of the variable ``load`` that SQL files are rendered with, for sqlfluff."""

from types import SimpleNamespace

start_date = "2026-01-01"
end_date = "2026-01-03"
run_id = "scheduled__2026-01-01T02:00:00+00:00"
run_key = "scheduled__2026-01-01T02-00-00-00-00"
processed_bucket = "ecommerce-dwh-dev-processed"
copy_iam_role = "default"
business_timezone = "Asia/Kolkata"
reporting_currency = "INR"
sources = tuple(
    SimpleNamespace(
        name=name,
        columns=("delivery_date", "order_id"),
        key="order_id",
        merge_entity=entity,
        amount=amount,
        statuses=(SimpleNamespace(status="cancelled", treatment="excluded", words=("cancelled", "voided")),),
    )
    for name, entity, amount in (
        ("orders", "", ""),
        ("order_items", "item", "coalesce(line_total, quantity * unit_price)"),
    )
)
