"""Jobs as they are provisioned, under real Spark."""

from __future__ import annotations

import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aws_local.testing import Aws
from local.config import LocalConfig
from local.provision import provision

pytestmark = pytest.mark.slow


def test_the_erasure_job_as_it_is_provisioned(spark_aws: Aws, spark_config: LocalConfig):
    """The product's script and library by the job's own arguments; what it does is tested in tests/glue."""
    provisioner = provision(spark_config)
    settings = provisioner.settings
    raw, processed = settings.raw_bucket, settings.processed_bucket
    day = "customers/dt=2026-03-01"
    spark_aws.s3.put_object(
        Bucket=raw,
        Key=f"{day}/a.csv.gz",
        Body=gzip.compress(b"customer_id,email\nC1,zubeida@x.example\nC2,ravi@x.example\n"),
    )
    rejected = pa.table({"raw_text": ["C1,zubeida@x.example,broken", "C2,other"]})
    sink = io.BytesIO()
    pq.write_table(rejected, sink)
    spark_aws.s3.put_object(Bucket=processed, Key="quarantine/source=customers/a.parquet", Body=sink.getvalue())
    request = {"customer_id": "C1", "pseudonym": "erased-1", "values": {}, "shared": [], "days": ["2026-03-01"]}
    spark_aws.s3.put_object(
        Bucket=processed, Key="erasures/manual/request.json", Body=json.dumps(request).encode()
    )

    run = spark_aws.run(settings.erasure_job, Arguments={"--erasure_mode": "erase", "--run_id": "manual"})

    log = spark_aws.log(settings.erasure_job, run["Id"])
    assert run["JobRunState"] == "SUCCEEDED", log
    assert "zubeida" not in log
    body = spark_aws.s3.get_object(Bucket=raw, Key=f"{day}/a.csv.gz")["Body"].read()
    assert gzip.decompress(body) == b"customer_id,email\nerased-1,\nC2,ravi@x.example\n"
    left = spark_aws.s3.get_object(Bucket=processed, Key="quarantine/source=customers/a.parquet")["Body"].read()
    assert pq.read_table(io.BytesIO(left))["raw_text"].to_pylist() == [
        "C1,xxxxxxx@x.xxxxxxx,broken",
        "C2,other",
    ]
    told = json.loads(
        spark_aws.s3.get_object(Bucket=processed, Key="erasures/manual/request.json")["Body"].read()
    )
    assert told == {**request, "region": "", "values": {"email": ["zubeida@x.example"]}, "is_searched": True}
