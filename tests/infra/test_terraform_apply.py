"""Terraform for real: dev is applied to the local AWS endpoint, changes nothing the second time, runs, and goes away.

The order of the tests is the order of a deployment's life; the last one destroys what the others looked at.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import mwaa as airflow_on_mwaa
import pytest
from aws_edge import Mwaa
from conftest import (
    ACCOUNT,
    BOOTSTRAP,
    REGION,
    Applied,
    Endpoint,
    environment_python,
    free_port,
    local_component,
)
from simulator import allowed
from terraform import REPO, Terraform, copy_tree, environ, point_at_endpoint

from ecommerce_dwh.settings import Settings
from tools.deploy import Deployment
from tools.package import build, contents, fetch_wheels

SETTINGS = Settings(env="dev")
DAY = "2026-01-05"  # run by hand, as the team guide says
DAG_DAY = "2026-01-06"  # run by the DAG


def test_outputs_are_what_the_guide_promises(applied: Applied) -> None:
    outputs = applied.outputs
    assert outputs["crawler"] == SETTINGS.crawler
    scripts = {path.stem for path in (REPO / "include" / "glue").glob("*.py")}
    assert {"data_processing", "data_quality"} <= scripts
    assert outputs["glue_jobs"] == {name: f"{SETTINGS.prefix}-{name.replace('_', '-')}" for name in scripts}
    assert {SETTINGS.processing_job, SETTINGS.quality_job, SETTINGS.erasure_job} == set(
        outputs["glue_jobs"].values()
    )
    assert outputs["buckets"] == {p: SETTINGS.bucket(p) for p in ("raw", "processed", "scripts", "logs")}
    assert outputs["redshift_cluster"] == SETTINGS.cluster
    assert outputs["redshift_database"] == SETTINGS.database
    assert outputs["redshift_endpoint"].endswith(":5439")
    assert outputs["catalog_database"] == SETTINGS.catalog_database
    assert set(outputs["dashboards"]) == {"pipeline", "glue", "redshift", "airflow"}
    assert outputs["alert_topic_arn"] == f"arn:aws:sns:{REGION}:{ACCOUNT}:ecommerce-dwh-dev-alerts"


def test_state_lies_in_s3_and_its_lock_is_gone(applied: Applied) -> None:
    listed = applied.endpoint.client("s3").list_objects_v2(
        Bucket=f"ecommerce-dwh-tfstate-{ACCOUNT}", Prefix="dev/"
    )["Contents"]
    assert [item["Key"] for item in listed] == ["dev/terraform.tfstate"]


def test_no_password_in_the_state(applied: Applied) -> None:
    body = applied.endpoint.client("s3").get_object(
        Bucket=f"ecommerce-dwh-tfstate-{ACCOUNT}", Key="dev/terraform.tfstate"
    )
    state = json.loads(body["Body"].read())
    (cluster,) = [r for r in state["resources"] if r["type"] == "aws_redshift_cluster"]
    assert cluster["instances"][0]["attributes"]["master_password"] is None
    (version,) = [r for r in state["resources"] if r["type"] == "aws_secretsmanager_secret_version"]
    assert "password" not in version["instances"][0]["attributes"]["secret_string"]


def _plan_again(made: Applied) -> tuple[int, str]:
    """Exit code and words of another plan; 2 means changes."""
    done = made.terraform.run(
        "plan", "-detailed-exitcode", "-input=false", "-no-color", *made.variables, codes=(0, 2)
    )
    return done.returncode, done.stdout


def test_second_plan_changes_nothing(applied: Applied) -> None:
    code, told = _plan_again(applied)
    assert code == 0, told[-5000:]


def test_every_option_is_one_that_the_package_reads(applied: Applied) -> None:
    options = {
        key.removeprefix("ecommerce_dwh."): value
        for key, value in applied.outputs["airflow_configuration"].items()
        if key.startswith("ecommerce_dwh.")
    }
    assert set(options) <= set(Settings.__dataclass_fields__)
    assert options["sns_topic_arn"] == applied.outputs["alert_topic_arn"]


def test_local_provisioning_wants_what_terraform_made(applied: Applied) -> None:
    """The laptop's provisioning and Terraform agree on names, arguments and limits of crawler and jobs."""
    code = (
        "import json, sys\n"
        "from local import provision as p\n"
        "from local.config import load_config\n"
        "seen = {}\n"
        "provisioner = p.Provisioner(load_config(), p.get_settings())\n"
        "provisioner.glue.get_job = provisioner.glue.get_crawler = None\n"
        "provisioner._ensure = lambda what, exists, create, missing: create() and False\n"
        "provisioner.glue.create_job = lambda **kw: seen.__setitem__(kw['Name'], kw)\n"
        "provisioner.glue.create_crawler = lambda **kw: seen.__setitem__(kw['Name'], kw)\n"
        "provisioner._crawler()\n"
        "for script in json.loads(sys.argv[1]):\n"
        "    name = provisioner.settings.prefix + '-' + script.removesuffix('.py').replace('_', '-')\n"
        "    provisioner._job(name, script)\n"
        "print(json.dumps(seen))\n"
    )
    python = environment_python("local")
    scripts = sorted(path.name for path in (REPO / "include" / "glue").glob("*.py"))
    variables = {
        "PYTHONPATH": f"{REPO}:{REPO / 'plugins'}",
        "DWH_LOCAL_AWS_PORT": applied.endpoint.url.rpartition(":")[2],
    }
    done = subprocess.run(
        [str(python), "-c", code, json.dumps(scripts)],
        cwd=REPO,
        env=environ(variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wanted = json.loads(done.stdout)
    glue = applied.endpoint.client("glue")
    # A role per job and room to scale are AWS's; a laptop has neither.
    different = {"Role", "NumberOfWorkers", "Tags", "Name", "Timeout"}
    for name in applied.outputs["glue_jobs"].values():
        made = glue.get_job(JobName=name)["Job"]
        for key, value in wanted[name].items():
            if key == "DefaultArguments":
                assert made[key].items() >= value.items()
            elif key not in different:
                assert made[key] == value, f"{name}: {key}"
    crawler, asked = glue.get_crawler(Name=SETTINGS.crawler)["Crawler"], wanted[SETTINGS.crawler]
    assert sorted(t["Path"] for t in crawler["Targets"]["S3Targets"]) == sorted(
        t["Path"] for t in asked["Targets"]["S3Targets"]
    )
    for key in ("DatabaseName", "Description", "SchemaChangePolicy", "RecrawlPolicy"):
        assert crawler[key] == asked[key]


# --- least privilege, asked of the policies that were applied --------------------------------------------------------

_RAW, _PROCESSED, _SCRIPTS, _LOGS = (
    f"arn:aws:s3:::ecommerce-dwh-dev-{p}" for p in ("raw", "processed", "scripts", "logs")
)
_PROCESSING_JOB = f"arn:aws:glue:{REGION}:{ACCOUNT}:job/ecommerce-dwh-dev-data-processing"
_SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:airflow/ecommerce-dwh-{{}}/connections/smtp_default-AbCdEf"
_DBUSER = f"arn:aws:redshift:{REGION}:{ACCOUNT}:dbuser:ecommerce-dwh-{{}}-cluster/dwh_admin"
_GET_SECRET, _LOGIN = "secretsmanager:GetSecretValue", "redshift:GetClusterCredentials"
_BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/ecommerce-dwh-dev-boundary"
_STATE = f"arn:aws:s3:::ecommerce-dwh-tfstate-{ACCOUNT}/dev/terraform.tfstate"
_QUESTIONS = [
    ("glue-crawler", "s3:GetObject", f"{_RAW}/orders/dt=2026-01-01/a.csv", True),
    ("glue-crawler", "s3:PutObject", f"{_RAW}/orders/dt=2026-01-01/a.csv", False),
    ("glue-crawler", "s3:GetObject", f"{_PROCESSED}/accepted/x", False),
    ("glue-data-processing", "s3:GetObject", f"{_RAW}/orders/dt=2026-01-01/a.csv", True),
    ("glue-data-processing", "s3:DeleteObject", f"{_RAW}/orders/dt=2026-01-01/a.csv", False),
    ("glue-data-processing", "s3:PutObject", f"{_PROCESSED}/accepted/orders/run=x/a.parquet", True),
    ("glue-data-processing", "s3:PutObject", f"{_PROCESSED}/quality/report.json", False),
    ("glue-data-processing", "s3:PutObject", f"{_SCRIPTS}/glue/data_processing.py", False),
    ("glue-data-processing", _GET_SECRET, _SECRET.format("dev"), False),
    ("glue-data-quality", "s3:GetObject", f"{_PROCESSED}/accepted/orders/run=x/a.parquet", True),
    ("glue-data-quality", "s3:PutObject", f"{_PROCESSED}/quality/dt=2026-01-01/report.html", True),
    ("glue-data-quality", "s3:PutObject", f"{_PROCESSED}/accepted/orders/run=x/a.parquet", False),
    ("glue-data-erasure", "s3:DeleteObjectVersion", f"{_RAW}/orders/dt=2026-01-01/a.csv", True),
    ("glue-data-erasure", "s3:PutObject", f"{_PROCESSED}/accepted/orders/run=x/a.parquet", True),
    ("glue-data-erasure", "s3:ListBucketVersions", _RAW, True),
    ("glue-data-erasure", "s3:PutObject", f"{_SCRIPTS}/glue/data_erasure.py", False),
    ("glue-data-erasure", _GET_SECRET, _SECRET.format("dev"), False),
    ("redshift-copy", "s3:GetObject", f"{_PROCESSED}/runs/x/copy/orders.manifest", True),
    ("redshift-copy", "s3:GetObject", f"{_RAW}/customers/dt=2026-01-01/a.csv", False),
    ("redshift-copy", "s3:PutObject", f"{_PROCESSED}/accepted/x", False),
    ("airflow", "glue:StartJobRun", _PROCESSING_JOB, True),
    ("airflow", "glue:UpdateJob", _PROCESSING_JOB, False),
    (
        "airflow",
        "glue:StartJobRun",
        f"arn:aws:glue:{REGION}:{ACCOUNT}:job/ecommerce-dwh-prod-data-processing",
        False,
    ),
    ("airflow", "s3:PutObject", f"{_SCRIPTS}/mwaa/dags/evil.py", False),
    ("airflow", "s3:PutObject", f"{_PROCESSED}/accepted/x", False),
    ("airflow", "s3:PutObject", f"{_PROCESSED}/quality/dt=2026-01-01/run/override.json", True),
    ("airflow", "glue:StartJobRun", _PROCESSING_JOB.replace("processing", "erasure"), True),
    ("airflow", "s3:PutObject", f"{_RAW}/orders/dt=2026-01-01/shop-00000.csv.gz", True),
    ("airflow", "s3:DeleteObjectVersion", f"{_RAW}/orders/dt=2026-01-01/a.csv", False),
    ("airflow", "s3:DeleteObjectVersion", f"{_PROCESSED}/erasures/run/request.json", True),
    ("airflow", "s3:GetLifecycleConfiguration", _RAW, True),
    ("airflow", "s3:PutLifecycleConfiguration", _RAW, False),
    ("airflow", _GET_SECRET, _SECRET.format("dev"), True),
    ("airflow", _GET_SECRET, _SECRET.format("prod"), False),
    ("airflow", _LOGIN, _DBUSER.format("dev"), True),
    ("airflow", _LOGIN, _DBUSER.format("prod"), False),
    ("airflow", "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/ecommerce-dwh-dev-airflow", False),
    ("github-deploy", "s3:PutObject", f"{_SCRIPTS}/mwaa/dags/a.py", True),
    ("github-deploy", "s3:GetObject", f"{_RAW}/customers/dt=2026-01-01/a.csv", False),
    ("github-deploy", "glue:StartJobRun", _PROCESSING_JOB, False),
    ("github-apply", "iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/ecommerce-dwh-dev-airflow", True),
    ("github-apply", "iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/ecommerce-dwh-dev-github-apply", False),
    ("github-apply", "iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/another-team", False),
    ("github-apply", "iam:CreatePolicyVersion", _BOUNDARY, False),
    ("github-apply", "iam:AttachRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/ecommerce-dwh-dev-airflow", False),
    ("github-apply", "s3:PutObject", _STATE, True),
    ("github-plan", "s3:PutObject", _STATE, False),
    ("github-plan", "s3:PutObject", f"{_STATE}.tflock", True),
    ("github-apply", _GET_SECRET, _SECRET.format("dev"), False),
    ("github-plan", "s3:GetObject", _STATE, True),
    ("github-plan", "s3:GetObject", f"{_RAW}/customers/dt=2026-01-01/a.csv", False),
]


def _policies(applied: Applied, role: str) -> list[dict[str, Any]]:
    iam = applied.endpoint.client("iam")
    name = f"ecommerce-dwh-dev-{role}"
    listed = iam.list_role_policies(RoleName=name)["PolicyNames"]
    return [iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"] for policy in listed]


@pytest.mark.parametrize(("role", "action", "resource", "expected"), _QUESTIONS)
def test_least_privilege(applied: Applied, role: str, action: str, resource: str, expected: bool) -> None:
    within = {"iam:PermissionsBoundary": _BOUNDARY} if action.startswith("iam:") else None
    assert allowed(_policies(applied, role), action, resource, within) is expected


def test_a_pipeline_can_only_make_roles_within_the_boundary(applied: Applied) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/ecommerce-dwh-dev-airflow"
    for action in ("iam:CreateRole", "iam:PutRolePolicy"):
        for boundary in ({}, {"iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/anything"}):
            assert not allowed(_policies(applied, "github-apply"), action, role, boundary)
    iam = applied.endpoint.client("iam")
    roles = [r["RoleName"] for r in iam.list_roles()["Roles"] if r["RoleName"].startswith("ecommerce-dwh-dev-")]
    free = {name for name in roles if "PermissionsBoundary" not in iam.get_role(RoleName=name)["Role"]}
    assert free == {f"ecommerce-dwh-dev-github-{name}" for name in ("plan", "apply", "deploy")}


# --- the pipeline's jobs run -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def code_deployed(applied: Applied) -> None:
    """What `make deploy` uploads; the jobs find their scripts where Terraform says they are."""
    files = contents(REPO, fetch_wheels())
    with Mwaa() as mwaa:
        clients = {
            "s3": applied.endpoint.client("s3"),
            "mwaa": mwaa.client(),
            "logs": applied.endpoint.client("logs"),
        }
        deployment = Deployment(SETTINGS, clients.__getitem__, say=lambda _: None)
        plan = deployment.apply(files)
        assert len(plan.added) == len(files)
        again = deployment.plan(files)
    assert (again.added, again.changed, again.removed) == ([], [], [])


_CANARY = "canary-person@example.org"


def _raw_day(applied: Applied) -> None:
    s3 = applied.endpoint.client("s3")
    files = {
        "customers": f"customer_id,first_name,email,updated_at\nC1,Canarina,{_CANARY},{DAY} 08:00:00\n",
        "products": f"product_id,product_name,price,cost,updated_at\nP1,Kettle,100.00,60.00,{DAY} 08:00:00\n",
        "orders": "order_id,customer_id,order_date,order_status,total_amount,updated_at\n"
        f"O1,C1,{DAY} 09:00:00,delivered,200.00,{DAY} 09:00:00\n",
        "order_items": "order_item_id,order_id,product_id,quantity,unit_price,line_total\n"
        "I1,O1,P1,2,100.00,200.00\nI2,O1,P1,x,100.00,200.00\n",
        "web_events": f"event_id,customer_id,event_type,event_timestamp\nE1,C1,view,{DAY} 09:00:00\n",
    }
    assert set(files) == set(SETTINGS.sources)
    for source, text in files.items():
        s3.put_object(Bucket=SETTINGS.raw_bucket, Key=f"{source}/dt={DAY}/data.csv", Body=text.encode())


def _run_job(applied: Applied, name: str) -> dict[str, Any]:
    glue = applied.endpoint.client("glue")
    run_id = glue.start_job_run(JobName=name)["JobRunId"]  # as in the team guide: no arguments
    until = time.monotonic() + 240
    while time.monotonic() < until:
        run = glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]
        if run["JobRunState"] not in ("STARTING", "RUNNING", "STOPPING", "WAITING"):
            return dict(run)
        time.sleep(0.5)
    pytest.fail(f"{name} is still running")


@pytest.mark.usefixtures("code_deployed")
def test_jobs_made_by_terraform_run_the_pipeline(applied: Applied) -> None:
    environment_python("spark")
    _raw_day(applied)
    glue = applied.endpoint.client("glue")
    glue.start_crawler(Name=SETTINGS.crawler)
    until = time.monotonic() + 60
    while glue.get_crawler(Name=SETTINGS.crawler)["Crawler"]["State"] != "READY" and time.monotonic() < until:
        time.sleep(0.5)
    assert glue.get_crawler(Name=SETTINGS.crawler)["Crawler"]["LastCrawl"]["Status"] == "SUCCEEDED"
    assert {t["Name"] for t in glue.get_tables(DatabaseName=SETTINGS.catalog_database)["TableList"]} == set(
        SETTINGS.sources
    )
    run = _run_job(applied, SETTINGS.processing_job)
    assert run["JobRunState"] == "SUCCEEDED", run.get("ErrorMessage")
    s3 = applied.endpoint.client("s3")
    outcome = json.loads(
        s3.get_object(Bucket=SETTINGS.processed_bucket, Key="runs/manual/processing.json")["Body"].read()
    )
    assert outcome
    run = _run_job(applied, SETTINGS.quality_job)
    assert run["JobRunState"] == "SUCCEEDED", run.get("ErrorMessage")
    report = json.loads(
        s3.get_object(Bucket=SETTINGS.processed_bucket, Key=f"quality/dt={DAY}/report.json")["Body"].read()
    )
    assert report["schema_version"] == 1


_RUN = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session

bag = DagBag()
for dag_id, conf in json.loads(sys.argv[1]):
    dag = bag.dags[dag_id]
    dag.deadline = None  # DAG.test() of Airflow 3.3.1 cannot end a run that has one
    run = dag.test(run_conf=conf)
    with create_session() as session:
        tasks = session.query(TaskInstance).filter_by(dag_id=dag_id, run_id=run.run_id)
        print('RAN', json.dumps([dag_id, str(run.state), {task.task_id: str(task.state) for task in tasks}]))
"""


@pytest.fixture(scope="module")
def warehouse(applied: Applied) -> Iterator[dict[str, Any]]:
    """The Redshift endpoint, reading the lake that Terraform made; yields an Airflow connection to it."""
    home = applied.endpoint.home
    port = free_port()
    variables = {
        "DWH_LOCAL_HOME": str(home),
        "DWH_LOCAL_REDSHIFT_PORT": str(port),
        "DWH_LOCAL_AWS_PORT": applied.endpoint.url.rpartition(":")[2],
    }
    with local_component("local.postgres", variables), local_component("local.redshift", variables, port):
        yield {
            "conn_type": "redshift",
            "host": "127.0.0.1",
            "port": port,
            "schema": SETTINGS.database,
            "login": "dwh_admin",
            "password": "local-dwh-admin",
            "extra": {"ssl": False},
        }


@pytest.mark.usefixtures("code_deployed")
def test_the_daily_dag_publishes_a_day(
    applied: Applied, warehouse: dict[str, Any], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The package as MWAA unpacks it, Terraform's options, crawler, jobs and buckets, and a generated day.

    Terraform's cluster is only described by the endpoint, so the connection's address is that of the local Redshift.
    """
    raw = tmp_path / "raw"
    subprocess.run(
        [
            str(environment_python("local")),
            "-m",
            "local.data",
            "generate",
            "--days",
            f"{DAG_DAY}:{DAG_DAY}",
            "--opened",
            DAG_DAY,
            "--lines-per-day",
            "300",
            "--to",
            str(raw),
        ],
        cwd=REPO,
        check=True,
        stdout=subprocess.DEVNULL,
        env=environ({"PYTHONPATH": f"{REPO}:{REPO / 'plugins'}"}),
    )
    s3, secrets = applied.endpoint.client("s3"), applied.endpoint.client("secretsmanager")
    for path in raw.rglob("*.*"):
        if path.is_file():
            s3.upload_file(str(path), SETTINGS.raw_bucket, path.relative_to(raw).as_posix())

    home = tmp_path_factory.mktemp("airflow-run")
    build(tmp_path / "dist", REPO, fetch_wheels())
    airflow_on_mwaa.unpack(tmp_path / "dist", home)
    python = environment_python("airflow")
    quick = {"AIRFLOW__ECOMMERCE_DWH__POLL_SECONDS": "1", "AIRFLOW__ECOMMERCE_DWH__DEFER_AFTER_SECONDS": "-1"}
    variables = airflow_on_mwaa.airflow_environ(
        home, applied.outputs["airflow_configuration"], applied.endpoint.environ(), quick
    )
    airflow_on_mwaa.run(python, "from airflow.__main__ import main; main()", home, variables, "db", "migrate")
    secret = "airflow/ecommerce-dwh-dev/connections/redshift_default"
    written = secrets.get_secret_value(SecretId=secret)["SecretString"]
    secrets.put_secret_value(SecretId=secret, SecretString=json.dumps(warehouse))
    try:
        runs = [
            ["ecommerce_dwh_bootstrap", {}],
            ["ecommerce_dwh_daily", {"start_date": DAG_DAY, "end_date": DAG_DAY}],
        ]
        told = airflow_on_mwaa.run(python, _RUN, home, variables, json.dumps(runs))
    finally:
        secrets.put_secret_value(SecretId=secret, SecretString=written)
    ran = [json.loads(line[4:]) for line in told.splitlines() if line.startswith("RAN ")]
    assert [(dag_id, state) for dag_id, state, _ in ran] == [(dag_id, "success") for dag_id, _ in runs], (
        str(ran) + told[-6000:]
    )
    assert set(ran[1][2].values()) == {"success"}
    assert {"process_data", "quality_gate", "audit", "refresh_views", "publish"} <= set(ran[1][2])
    glue = applied.endpoint.client("glue")
    for job in (SETTINGS.processing_job, SETTINGS.quality_job):
        newest = glue.get_job_runs(JobName=job)["JobRuns"][0]
        assert newest["Arguments"]["--start_date"] == DAG_DAY
        assert newest["JobRunState"] == "SUCCEEDED"
    assert _rows(warehouse, "select published_day from quality.warehouse_state") == [[DAG_DAY]]
    ((revenue,),) = _rows(warehouse, "select sum(total_revenue) from analytics.monthly_sales_trends")
    assert Decimal(revenue) > 0


def _rows(connection: dict[str, Any], query: str) -> list[list[str]]:
    code = (
        "import json, sys, redshift_connector as r\n"
        "c, q = json.loads(sys.argv[1]), sys.argv[2]\n"
        "cursor = r.connect(host=c['host'], port=c['port'], database=c['schema'], user=c['login'],\n"
        "                   password=c['password'], ssl=False).cursor()\n"
        "cursor.execute(q)\n"
        "print(json.dumps([[str(value) for value in row] for row in cursor.fetchall()]))\n"
    )
    done = subprocess.run(
        [str(environment_python("local")), "-c", code, json.dumps(connection), query],
        capture_output=True,
        text=True,
        check=False,
        env=environ({}),
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


@pytest.mark.usefixtures("code_deployed")
def test_job_logs_hold_no_person_and_no_key(applied: Applied) -> None:
    logs = list((applied.endpoint.home / "logs").rglob("*.log"))
    text = "\n".join(path.read_text(errors="replace") for path in logs)
    assert len(text) > 100, "there is no log to look at"
    for leak in (_CANARY, "Canarina", "AWS_SECRET_ACCESS_KEY=", "secret.key="):
        assert leak not in text


def test_airflow_signs_in_without_a_password(applied: Applied) -> None:
    """The connection as Terraform wrote it, read as MWAA reads it, up to the moment the driver would connect."""
    code = (
        "import json, redshift_connector\n"
        "from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook\n"
        "seen = {}\n"
        "def stop(self, **kw):\n"
        "    seen.update(kw)\n"
        "    raise SystemExit(print('SEEN', json.dumps({k: str(v) for k, v in seen.items()})))\n"
        "redshift_connector.Connection.__init__ = stop\n"
        "RedshiftSQLHook(redshift_conn_id='redshift_default', aws_conn_id=None).get_conn()\n"
    )
    configuration = applied.outputs["airflow_configuration"]
    variables = {
        **applied.endpoint.environ(),
        "AIRFLOW__SECRETS__BACKEND": configuration["secrets.backend"],
        "AIRFLOW__SECRETS__BACKEND_KWARGS": configuration["secrets.backend_kwargs"],
        "AIRFLOW_HOME": str(applied.endpoint.home / "airflow-signin"),
    }
    python = environment_python("airflow")
    done = subprocess.run(
        [str(python), "-c", code], env=environ(variables), capture_output=True, text=True, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("SEEN ")]
    assert lines, done.stdout[-2000:] + done.stderr[-3000:]
    seen = json.loads(lines[0][5:])
    assert seen["user"] == "IAM:dwh_admin"
    assert len(seen["password"]) > 8
    assert seen["database"] == SETTINGS.database
    assert seen["ssl"] == "True"


# --- and away ---------------------------------------------------------------------------------------------------------


def test_zz_destroy_leaves_nothing(applied: Applied) -> None:
    applied.terraform.run("destroy", "-auto-approve", "-input=false", "-no-color", *applied.variables)
    assert applied.terraform.run("state", "list").stdout.strip() == ""
    left = [bucket["Name"] for bucket in applied.endpoint.client("s3").list_buckets()["Buckets"]]
    assert [name for name in left if name.startswith("ecommerce-dwh-dev")] == []
    roles = [r["RoleName"] for r in applied.endpoint.client("iam").list_roles()["Roles"]]
    assert not [name for name in roles if name.startswith("ecommerce-dwh-dev")]
    jobs = applied.endpoint.client("glue").get_jobs()["Jobs"]
    assert not [job["Name"] for job in jobs if job["Name"].startswith("ecommerce-dwh-dev")]


# --- what is planned, not applied -------------------------------------------------------------------------------------


def _fresh(endpoint: Endpoint, folder: Path, env: str) -> Terraform:
    """An environment that was never applied, with its state on disk."""
    root = copy_tree(folder) / "environments" / env
    point_at_endpoint(root)
    (root / "state_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    terraform = Terraform(root, endpoint.environ())
    terraform.init()
    return terraform


def test_prod_plans_whole(endpoint: Endpoint, bootstrapped: Terraform, tmp_path: Path) -> None:
    """Prod with MWAA, copies in a second region and no way to the internet, planned by the real provider."""
    terraform = _fresh(endpoint, tmp_path, "prod")
    variables = (f"-var=account_id={ACCOUNT}", "-var=github_repository=company/ecommerce-dwh")
    terraform.run("plan", "-input=false", "-out=plan.bin", *variables)
    plan = json.loads(terraform.run("show", "-json", "plan.bin").stdout)
    planned = {c["address"].removeprefix("module.platform."): c["change"] for c in plan["resource_changes"]}
    assert all(change["actions"] == ["create"] for change in planned.values())
    assert (
        planned["module.mwaa.aws_mwaa_environment.this[0]"]["after"]["webserver_access_mode"] == "PRIVATE_ONLY"
    )
    assert planned["module.redshift.aws_redshift_cluster.this[0]"]["after"]["skip_final_snapshot"] is False
    assert "module.storage.aws_s3_bucket_replication_configuration.raw[0]" in planned
    endpoints = [address for address in planned if "aws_vpc_endpoint.interface" in address]
    assert f"{len(endpoints)} × 3 zones" in (REPO / "docs" / "cost.md").read_text()
    assert "module.redshift.aws_redshift_snapshot_copy.this[0]" in planned
    assert not [address for address in planned if "internet_gateway" in address or "nat_gateway" in address]
    assert not [a for a, c in planned.items() if "aws_s3_bucket.this" in a and c["after"]["force_destroy"]]


def test_prod_plans_in_the_second_region(endpoint: Endpoint, bootstrapped: Terraform, tmp_path: Path) -> None:
    """The runbook for a lost region: IAM still knows the first deployment's names, and no copy has a place to go."""
    text = (REPO / "docs" / "runbooks-aws.md").read_text()
    values = re.search(r"dr\.auto\.tfvars <<'END'\n(.*?)END", text, re.DOTALL)
    assert values
    terraform = _fresh(endpoint, tmp_path, "prod")
    (terraform.folder / "dr.auto.tfvars").write_text(values[1])
    terraform.run(
        "plan", "-input=false", "-out=plan.bin", f"-var=account_id={ACCOUNT}", "-var=airflow_enabled=false"
    )
    plan = json.loads(terraform.run("show", "-json", "plan.bin").stdout)
    changes = {c["address"]: c for c in plan["resource_changes"]}
    everywhere = {"aws_iam_role", "aws_iam_policy", "aws_budgets_budget", "aws_s3_bucket"}
    names = [
        c["change"]["after"].get("name") or c["change"]["after"]["bucket"]
        for c in changes.values()
        if c["type"] in everywhere
    ]
    assert len(names) > 10
    assert [name for name in names if "-dr" not in name] == []
    assert not [address for address in changes if "replica" in address or "snapshot_copy" in address]
    zones = {
        c["change"]["after"].get("availability_zone") for c in changes.values() if c["type"] == "aws_subnet"
    }
    assert zones == {"ap-south-2a", "ap-south-2b", "ap-south-2c"}


def test_bootstrap_keeps_the_state_safe(bootstrapped: Terraform, endpoint: Endpoint) -> None:
    bucket = bootstrapped.output()["bucket"]
    assert bucket == f"ecommerce-dwh-tfstate-{ACCOUNT}-dr"
    s3 = endpoint.client("s3")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=bucket)["Policy"]
    statements = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    (plans,) = (item for item in statements if item["Sid"] == "PlansForTheApplyRolesOnly")
    assert (plans["Effect"], plans["Principal"]) == ("Deny", "*")
    assert plans["Resource"] == f"arn:aws:s3:::{bucket}/plans/*"
    assert plans["Condition"]["ArnNotLike"]["aws:PrincipalArn"].endswith(":role/ecommerce-dwh-*-github-apply")
    told = bootstrapped.run("destroy", "-auto-approve", "-no-color", *BOOTSTRAP, codes=(1,)).stdout
    assert "prevent_destroy" in told


def test_dev_asks_no_second_region(endpoint: Endpoint, terraform_ready: None, tmp_path: Path) -> None:
    """A new account has one region fewer than prod needs; dev must not notice."""
    terraform = _fresh(endpoint, tmp_path, "dev")
    before = len(endpoint.calls())
    terraform.run("plan", "-input=false", "-no-color", f"-var=account_id={ACCOUNT}")
    calls = endpoint.calls()[before:]
    assert calls
    assert {call["region"] for call in calls} <= {REGION, "us-east-1"}  # IAM is in us-east-1


def test_prod_says_that_its_second_region_is_off(
    endpoint: Endpoint, terraform_ready: None, tmp_path: Path
) -> None:
    """The region that step 0 switches on, here another one that nobody switched on."""
    terraform = _fresh(endpoint, tmp_path, "prod")
    off = ("-var=replica_region=ap-southeast-3", f"-var=account_id={ACCOUNT}")
    told = terraform.run("plan", "-input=false", "-no-color", *off, codes=(1,)).stdout
    assert "InvalidClientTokenId" in told
    # Without copies it is not asked, whether it is on or off.
    terraform.run("plan", "-input=false", "-no-color", "-var=replicate=false", *off)


def test_step_zero_switches_the_second_region_on_and_waits(bootstrapped: Terraform, endpoint: Endpoint) -> None:
    looks = [call for call in endpoint.calls() if call["service"] == "account"]
    operations = [call["operation"] for call in looks]
    assert "POST /enableRegion" in operations
    asked_after = operations[operations.index("POST /enableRegion") + 1 :]
    assert asked_after.count("POST /getRegionOptStatus") >= 2  # once while it is being enabled
    status = endpoint.client("account").get_region_opt_status(RegionName="ap-south-2")
    assert status["RegionOptStatus"] == "ENABLED"


def test_serverless_plans(endpoint: Endpoint, terraform_ready: None, tmp_path: Path) -> None:
    terraform = _fresh(endpoint, tmp_path, "dev")
    told = terraform.run(
        "plan", "-input=false", "-no-color", f"-var=account_id={ACCOUNT}", "-var=redshift_deployment=serverless"
    ).stdout
    assert "aws_redshiftserverless_workgroup.this[0] will be created" in told
    assert "aws_redshift_cluster" not in told


def test_another_account_is_refused(endpoint: Endpoint, terraform_ready: None, tmp_path: Path) -> None:
    terraform = _fresh(endpoint, tmp_path, "dev")
    told = terraform.run("plan", "-input=false", "-no-color", "-var=account_id=999999999999", codes=(1,)).stdout
    assert "AWS account ID not allowed: 123456789012" in told
