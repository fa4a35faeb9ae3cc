"""The figures of a report as metrics in CloudWatch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ecommerce_dwh.ledger import JUDGED_METRICS, METRIC_NAMESPACE


def send_metrics(cloudwatch: Any, env: str, report: Mapping[str, Any]) -> None:
    """Send the rows and the failed rules of each source.

    Args:
        cloudwatch: boto3 CloudWatch client.
        env: deployment name.
        report: the quality report.
    """
    figures: dict[tuple[str, str], float] = defaultdict(float)
    for entry in report["ledger"]:
        for metric, field in JUDGED_METRICS.items():
            figures[(metric, entry["source"])] += entry[field]
    for table in report["tables"]:
        figures[("RulesFailed", table["source"])] += sum(not rule["passed"] for rule in table["rules"])
    data = [
        {
            "MetricName": metric,
            "Dimensions": [{"Name": "Environment", "Value": env}, {"Name": "Source", "Value": source}],
            "Value": value,
            "Unit": "Count",
        }
        for (metric, source), value in sorted(figures.items())
    ]
    try:
        cloudwatch.put_metric_data(Namespace=METRIC_NAMESPACE, MetricData=data)
    except (BotoCoreError, ClientError) as error:
        # The verdict does not depend on metrics, and an alarm watches for missing ones.
        print(f"warning: metrics were not sent to CloudWatch: {error}")
