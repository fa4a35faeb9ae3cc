"""The AWS CLI commands of the team guide, word for word."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from aws_local.testing import Aws
from ecommerce_dwh.settings import Settings
from local.config import LocalConfig
from local.provision import provision


def cli(aws: Aws, command: str) -> str:
    program = Path(sys.executable).with_name("aws")
    environ = {**os.environ, **aws.settings.environ()}
    done = subprocess.run(
        [str(program), *command.split()[1:]], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_team_guide_commands(aws: Aws, aws_config: LocalConfig, tmp_path: Path):
    provision(aws_config, Settings())
    for name in ("data_processing", "data_quality"):
        aws.put("ecommerce-dwh-dev-scripts", f"glue/{name}.py", "print('done')")
    raw = tmp_path / "orders.csv"
    raw.write_text("order_id\nA1\n")
    cli(aws, f"aws s3 cp {raw} s3://ecommerce-dwh-dev-raw/orders/dt=2024-01-01/orders.csv")
    assert "orders.csv" in cli(aws, "aws s3 ls s3://ecommerce-dwh-dev-raw/orders/dt=2024-01-01/")
    cli(aws, "aws glue start-crawler --name ecommerce-dwh-dev-raw-data-crawler --region ap-south-1")
    for job in ("data-processing", "data-quality"):
        answer = cli(aws, f"aws glue start-job-run --job-name ecommerce-dwh-dev-{job} --region ap-south-1")
        run_id = json.loads(answer)["JobRunId"]
    aws.wait_run("ecommerce-dwh-dev-data-quality", run_id)
    show = f"aws glue get-job-run --job-name ecommerce-dwh-dev-data-quality --run-id {run_id}"
    assert json.loads(cli(aws, show))["JobRun"]["JobRunState"] == "SUCCEEDED"
    aws.wait_crawler("ecommerce-dwh-dev-raw-data-crawler")
    tables = aws.glue.get_tables(DatabaseName="ecommerce_dwh_dev_raw")["TableList"]
    assert [table["Name"] for table in tables] == ["orders"]
    events = aws.logs.get_log_events(logGroupName="/aws-glue/jobs/output", logStreamName=run_id)["events"]
    assert events[0]["message"] == "done"
