"""docs/deployment.md, walked: its commands run in their order against the local AWS endpoint; a page that lies fails.

One shell runs the blocks of "First deployment from zero", so what a step exports the next ones see, and then those of
docs/airflow-by-api.md. Terraform makes the MWAA environment on the endpoint, whose MWAA runs the image's pip; the steps
in Airflow are answered by a real Airflow with the package's DAGs. What the endpoint has no stand-in for:

- Access Analyzer, Service Quotas and Cost Explorer's tags: account_edge.py plays them;
- Airflow's scheduler: a run that a step starts is queued and stays so. test_terraform_apply.py runs the same DAGs, to a
  published day, against what Terraform made;
- the Redshift Data API and IAM's policy simulator, so `make verify` (step 14) is the one command that is not walked.
  test_after_apply.py meets each of its checks, and each fault.

Nothing of the pages is changed. Terraform gets its answers (`-auto-approve`), the switches for a local endpoint and the
provider's folder by its own variables (TF_CLI_ARGS_…); a person's typing comes from a file.
"""

from __future__ import annotations

import json
import re
import subprocess
import textwrap
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import ACCOUNT, environment_python
from page import Block, blocks
from terraform import REPO, environ
from walk import BY_API, PAGE, SECTION, Walk, walk, walk_variables

from tools.airflow_health import Airflow, HealthError

# The first of these tests waits for the whole walk: two applies, a rendering, a package and an Airflow.
_WALKS = pytest.mark.timeout(3600)


def test_the_page_has_the_steps_in_their_order() -> None:
    listed = blocks(PAGE, SECTION)
    assert [block.step for block in listed] == sorted(block.step for block in listed)
    script = "\n".join(block.script for block in listed)
    order = [
        "aws sts get-caller-identity",
        "make setup-infra",
        "terraform.tfvars.example",
        "bootstrap apply",
        "make preflight",
        "-var airflow_enabled=false",
        "make package",
        "make deploy ",
        "environments/dev apply\n",
        "put-secret-value",
        "dags/ecommerce_dwh_bootstrap/dagRuns",
        "s3 sync",
        "dags/ecommerce_dwh_daily/dagRuns",
        "make verify",
    ]
    places = [script.find(words) for words in order]
    assert -1 not in places, [words for words, place in zip(order, places, strict=True) if place < 0]
    assert places == sorted(places)


@_WALKS
def test_every_block_succeeds(walked: Walk) -> None:
    failed = [number for number, code in walked.codes.items() if code]
    if failed:
        block = walked.blocks[failed[0]]
        pytest.fail(
            f"step {block.step} ({block.title}):\n{textwrap.indent(block.script, '  ')}\nsays:\n"
            f"{walked.said[failed[0]][-5000:]}",
            pytrace=False,
        )
    assert len(walked.codes) == len(walked.blocks)
    steps = [block.step for block in blocks(PAGE, SECTION)]
    assert set(steps) == set(range(1, 15)) - {6}  # step 6 has no command of its own: it leads to "GitHub, once"
    assert len(walked.blocks) == len(steps) - 1 + len(blocks(BY_API, "Commands"))


@_WALKS
def test_each_step_says_what_the_page_promises(walked: Walk) -> None:
    assert walked.of("get-caller-identity").strip().endswith(ACCOUNT)
    # The environment is there, so nothing is installed; after an installation the last line is this.
    assert walked.of("make setup-infra") == ""
    assert "Set up in" in (REPO / "local" / "stack" / "bootstrap.py").read_text()
    assert f'bucket = "ecommerce-dwh-tfstate-{ACCOUNT}"' in walked.of("bootstrap apply")
    preflight = walked.of("make preflight")
    assert "0 red" in preflight
    assert "Go on." in preflight
    assert "Apply complete!" in walked.of("airflow_enabled=false")
    assert "No environment, so nothing to be healthy." in walked.of("make deploy ")
    outputs = walked.of("environments/dev apply\n")
    # The environment and its two alarms; the dashboard shows them from now on.
    assert re.search(r"Apply complete! Resources: 3 added, [01] changed, 0 destroyed\.", outputs), outputs[
        -3000:
    ]
    for name in ("smtp_secret", "buckets", "dashboards", "redshift_endpoint", "airflow_url"):
        assert re.search(rf"^{name} +=", outputs, re.MULTILINE), name


@_WALKS
def test_what_the_page_names_is_there(walked: Walk) -> None:
    s3 = walked.endpoint.client("s3")
    names = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    for purpose in ("raw", "processed", "scripts", "logs"):
        assert f"ecommerce-dwh-dev-{purpose}" in names
    keys = {item["Key"] for item in s3.list_objects_v2(Bucket="ecommerce-dwh-dev-scripts")["Contents"]}
    assert {"mwaa/plugins.zip", "mwaa/requirements.txt", "mwaa/dags/ecommerce_dwh_daily.py"} <= keys
    state = s3.list_objects_v2(Bucket=f"ecommerce-dwh-tfstate-{ACCOUNT}")["Contents"]
    assert "dev/terraform.tfstate" in {item["Key"] for item in state}
    secret = walked.endpoint.client("secretsmanager").get_secret_value(
        SecretId="airflow/ecommerce-dwh-dev/connections/smtp_default"
    )
    assert json.loads(secret["SecretString"])["password"] == "smtp-password"


@_WALKS
def test_terraform_s_environment_installed_the_package(walked: Walk) -> None:
    """MWAA is AVAILABLE although pip failed, so its log is read, as `make verify` does.

    Requirements that the image's own constraints contradict are seen here.
    """
    mwaa, logs = walked.endpoint.client("mwaa"), walked.endpoint.client("logs")
    made = mwaa.get_environment(Name="ecommerce-dwh-dev")["Environment"]
    assert (made["Status"], made["WebserverAccessMode"]) == ("AVAILABLE", "PUBLIC_ONLY")
    assert made["AirflowConfigurationOptions"]["ecommerce_dwh.warehouse_hours"] == "01:00-14:30"
    airflow = Airflow(mwaa, logs, "ecommerce-dwh-dev")
    assert airflow.pip_succeeded(made["CreatedAt"])
    s3, bucket = walked.endpoint.client("s3"), "ecommerce-dwh-dev-scripts"
    kept = s3.get_object(Bucket=bucket, Key="mwaa/requirements.txt")["Body"].read()
    s3.put_object(Bucket=bucket, Key="mwaa/requirements.txt", Body=kept + b"httpx2==2.16.2\n")
    began = datetime.now(UTC)
    mwaa.update_environment(Name="ecommerce-dwh-dev", RequirementsS3Path="mwaa/requirements.txt")
    while mwaa.get_environment(Name="ecommerce-dwh-dev")["Environment"]["Status"] != "AVAILABLE":
        time.sleep(0.2)
    with pytest.raises(HealthError, match=r"pip failed on MWAA's Scheduler.*httpx2==2\.16\.2"):
        airflow.pip_succeeded(began)
    s3.put_object(Bucket=bucket, Key="mwaa/requirements.txt", Body=kept)


@_WALKS
def test_steps_in_airflow_did_what_the_pages_say(walked: Walk) -> None:
    """Asked of the real Airflow: what is on, what runs, with which parameters."""
    mwaa = walked.endpoint.client("mwaa")

    def rest(path: str, **query: Any) -> Any:
        more = {"QueryParameters": query} if query else {}
        return mwaa.invoke_rest_api(Name="ecommerce-dwh-dev", Method="GET", Path=path, **more)[
            "RestApiResponse"
        ]

    on = {dag["dag_id"] for dag in rest("/dags", limit=100)["dags"] if not dag["is_paused"]}
    assert {f"ecommerce_dwh_{name}" for name in ("bootstrap", "daily", "freshness", "maintenance")} <= on
    runs = rest("/dags/ecommerce_dwh_daily/dagRuns", limit=100)["dag_runs"]
    first = next(run for run in runs if run["dag_run_id"].startswith("manual__"))
    assert first["conf"] == {"start_date": "2026-11-30", "end_date": "2026-11-30"}
    assert {run["dag_run_id"] for run in runs} >= {"november", "november-30-opened"}
    assert rest("/dags/ecommerce_dwh_bootstrap/dagRuns")["total_entries"] == 2
    assert rest("/dags/ecommerce_dwh_erase_person/dagRuns")["dag_runs"][0]["conf"]["dry_run"] is True
    (backfill,) = rest("/backfills", dag_id="ecommerce_dwh_daily")["backfills"]
    assert backfill["completed_at"]  # cancelled
    assert json.loads(walked.of("/importErrors"))["RestApiResponse"]["import_errors"] == []
    assert "kept until Friday" in walked.of("/variables/note")
    assert "note" not in {item["key"] for item in rest("/variables")["variables"]}


def test_a_wrong_parameter_is_refused_by_airflow(walked: Walk) -> None:
    """The pages' parameters are judged by the DAGs' own schemas, so a name or type that is none would stop the walk."""
    mwaa = walked.endpoint.client("mwaa")
    with pytest.raises(mwaa.exceptions.RestApiClientException) as refused:
        mwaa.invoke_rest_api(
            Name="ecommerce-dwh-dev",
            Method="POST",
            Path="/dags/ecommerce_dwh_daily/dagRuns",
            Body={"logical_date": None, "conf": {"start_date": 20261130}},
        )
    assert refused.value.response["RestApiStatusCode"] == 400
    assert "start_date" in json.dumps(refused.value.response["RestApiResponse"])


@_WALKS
def test_preflight_is_still_green_after_the_apply(walked: Walk) -> None:
    """Names that an earlier apply of the same environment took are its own."""
    variables = walk_variables(walked.endpoint, walked.edge, walked.repo.parent)
    done = subprocess.run(
        ["make", "preflight", "ENV=dev", f"ACCOUNT={ACCOUNT}"],
        cwd=walked.repo,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "from an earlier apply of dev" in done.stdout


def test_the_sample_is_what_the_page_says(tmp_path: Path) -> None:
    """The files of the step on a first day: their names, and that the crawler's five sources are all there."""
    block = next(block for block in blocks(PAGE, SECTION) if "local.data generate" in block.script)
    command = block.script.split("\n", 1)[1].partition("aws s3 sync")[0]
    assert block.script.startswith("make setup-run\n")
    command = command.replace(".venv/local/bin/python", str(environment_python("local"))).replace(
        "--to sample", f"--to {tmp_path / 'sample'}"
    )
    subprocess.run(["bash", "-ec", command], cwd=REPO, check=True, stdout=subprocess.DEVNULL, env=environ({}))
    written = sorted(
        path.relative_to(tmp_path / "sample").as_posix() for path in (tmp_path / "sample").rglob("*.gz")
    )
    sources = ("customers", "order_items", "orders", "products", "web_events")
    assert written == [f"{source}/dt=2026-11-30/part-00000.csv.gz" for source in sources]
    assert "part-00000.csv.gz" in PAGE.read_text()


def test_a_page_that_lies_stops_the_walk(tmp_path: Path) -> None:
    listed = [
        Block(1, "right", "export WORD=kept\n"),
        Block(2, "sees it", 'test "$WORD" = kept && echo seen\n'),
        Block(3, "lies", "make no-such-target\necho never\n"),
        Block(4, "not reached", "echo never\n"),
    ]
    (tmp_path / "repo").mkdir()
    said, codes = walk(listed, tmp_path / "repo", environ({}), "", tmp_path / "log")
    assert {number: bool(code) for number, code in codes.items()} == {0: False, 1: False, 2: True}
    assert "seen" in said[1]
    assert "never" not in said[2]
