"""Crawls: tables and partitions from files, and the crawler's states."""

from __future__ import annotations

import gzip
import io
import json
import threading

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from aws_local import crawl as crawl_module
from aws_local.crawl import CrawlError, glob_matcher, read_s3_path
from aws_local.testing import Aws, until

RAW = "raw-lake"
UPDATE = {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"}


@pytest.fixture
def lake(aws: Aws) -> Aws:
    aws.bucket(RAW)
    return aws


def make_crawler(aws: Aws, *sources: str, **options: object) -> None:
    aws.glue.create_crawler(
        **{
            "Name": "crawler",
            "Role": "role",
            "DatabaseName": "raw",
            "Targets": {"S3Targets": [{"Path": f"s3://{RAW}/{source}/"} for source in sources]},
            "SchemaChangePolicy": UPDATE,
            **options,
        }
    )


def columns(holder: dict) -> dict[str, str]:
    return {column["Name"]: column["Type"] for column in holder["StorageDescriptor"]["Columns"]}


def table(aws: Aws, name: str) -> dict:
    return aws.glue.get_table(DatabaseName="raw", Name=name)["Table"]


def partitions(aws: Aws, name: str, expression: str = "") -> dict[str, dict]:
    pages = aws.glue.get_paginator("get_partitions").paginate(
        DatabaseName="raw", TableName=name, Expression=expression
    )
    return {part["Values"][0]: part for page in pages for part in page["Partitions"]}


def summary(aws: Aws) -> dict:
    return json.loads(aws.glue.list_crawls(CrawlerName="crawler")["Crawls"][0]["Summary"])


def test_a_table_per_source_and_a_partition_per_day(lake: Aws):
    lake.put(RAW, "orders/dt=2024-01-01/a.csv", "order_id,qty\nA1,1\n")
    lake.put(RAW, "orders/dt=2024-01-02/a.csv.gz", gzip.compress(b"order_id,qty\nA2,2.5\n"))
    lake.put(RAW, "web_events/dt=2024-01-01/e.json", '{"event_id": 1, "at": {"x": 1.5}}\n')
    buffer = io.BytesIO()
    pq.write_table(pa.table({"product_id": ["P1"], "price": [1.5]}), buffer)
    lake.put(RAW, "products/dt=2024-01-01/p.parquet", buffer.getvalue())
    make_crawler(lake, "orders", "web_events", "products", "customers")
    last = lake.crawl("crawler")["LastCrawl"]
    assert (last["Status"], last["LogGroup"]) == ("SUCCEEDED", "/aws-glue/crawlers")
    assert [t["Name"] for t in lake.glue.get_tables(DatabaseName="raw")["TableList"]] == [
        "orders",
        "web_events",
        "products",
    ]
    orders = table(lake, "orders")
    assert columns(orders) == {"order_id": "string", "qty": "double"}
    assert orders["PartitionKeys"] == [{"Name": "dt", "Type": "string"}]
    assert orders["StorageDescriptor"]["Location"] == f"s3://{RAW}/orders/"
    assert orders["Parameters"] | {"classification": "csv", "recordCount": "2"} == orders["Parameters"]
    days = partitions(lake, "orders")
    assert {day: columns(part)["qty"] for day, part in days.items()} == {
        "2024-01-01": "bigint",
        "2024-01-02": "double",
    }
    assert days["2024-01-02"]["Parameters"]["compressionType"] == "gzip"
    assert days["2024-01-02"]["StorageDescriptor"]["Location"] == f"s3://{RAW}/orders/dt=2024-01-02/"
    assert columns(table(lake, "web_events")) == {"event_id": "bigint", "at": "struct<x:double>"}
    assert columns(table(lake, "products")) == {"product_id": "string", "price": "double"}
    assert list(partitions(lake, "orders", "dt > '2024-01-01'")) == ["2024-01-02"]


def test_drift_of_a_later_day_shows_in_its_partition_only(lake: Aws):
    lake.put(RAW, "orders/dt=2024-01-01/a.csv", "id,qty\n1,1\n")
    make_crawler(lake, "orders")
    lake.crawl("crawler")
    lake.put(RAW, "orders/dt=2024-01-02/a.csv", "coupon,id\nX,2\n")
    lake.crawl("crawler")
    days = partitions(lake, "orders")
    assert list(columns(days["2024-01-01"])) == ["id", "qty"]
    assert list(columns(days["2024-01-02"])) == ["coupon", "id"]
    assert list(columns(table(lake, "orders"))) == ["id", "qty", "coupon"]
    assert table(lake, "orders")["VersionId"] == "2"


def test_a_changed_file_changes_its_partition(lake: Aws):
    lake.put(RAW, "orders/dt=2024-01-01/a.csv", "id\n1\n")
    make_crawler(lake, "orders")
    lake.crawl("crawler")
    lake.put(RAW, "orders/dt=2024-01-01/a.csv", "id\nx\n")
    lake.crawl("crawler")
    assert columns(partitions(lake, "orders")["2024-01-01"]) == {"id": "string"}


def test_only_new_and_changed_files_are_read_also_after_a_restart(lake: Aws):
    for day in range(1, 20):
        lake.put(RAW, f"orders/dt=2024-01-{day:02d}/a.csv", f"id\n{day}\n")
    make_crawler(lake, "orders")
    lake.crawl("crawler")
    assert summary(lake)["files_read"] == 19
    lake.restart()
    lake.put(RAW, "orders/dt=2024-01-20/a.csv", "id\n20\n")
    lake.put(RAW, "orders/dt=2024-01-01/a.csv", "id\n100\n")
    lake.crawl("crawler")
    assert summary(lake) | {"files": 20, "files_read": 2, "tables_created": 0} == summary(lake)
    assert len(partitions(lake, "orders")) == 20


def test_markers_and_header_only_files_do_not_break_types(lake: Aws):
    lake.put(RAW, "orders/dt=2024-01-01/a.csv", "id,qty\n1,2\n")
    lake.put(RAW, "orders/dt=2024-01-02/a.csv", "id,qty\n")
    lake.put(RAW, "orders/dt=2024-01-03/_EMPTY", "")
    lake.put(RAW, "orders/dt=2024-01-04/", "")
    make_crawler(lake, "orders")
    assert lake.crawl("crawler")["LastCrawl"]["Status"] == "SUCCEEDED"
    days = partitions(lake, "orders")
    assert {day: columns(part) for day, part in days.items()} == {
        "2024-01-01": {"id": "bigint", "qty": "bigint"},
        "2024-01-02": {"id": "bigint", "qty": "bigint"},
    }
    assert columns(table(lake, "orders")) == {"id": "bigint", "qty": "bigint"}


def test_unreadable_files_are_reported_and_the_rest_is_crawled(lake: Aws):
    lake.put(RAW, "orders/dt=2024-01-01/a.csv", "id\n1\n")
    lake.put(RAW, "orders/dt=2024-01-02/a.csv.gz", gzip.compress(b"id\n" + b"1\n" * 9999)[:-20])
    lake.put(RAW, "orders/dt=2024-01-03/a.csv", bytes(range(256)))
    make_crawler(lake, "orders")
    assert lake.crawl("crawler")["LastCrawl"]["Status"] == "SUCCEEDED"
    assert list(partitions(lake, "orders")) == ["2024-01-01"]
    assert summary(lake)["unreadable"] == 2
    events = lake.logs.get_log_events(logGroupName="/aws-glue/crawlers", logStreamName="crawler")["events"]
    text = "\n".join(event["message"] for event in events)
    assert f"Cannot read s3://{RAW}/orders/dt=2024-01-02/a.csv.gz: EOFError" in text
    assert "dt=2024-01-03/a.csv: binary content" in text
    assert "BENCHMARK : Crawler has finished running" in text


@pytest.mark.parametrize(
    ("behaviour", "left", "deprecated"),
    [("LOG", 2, False), ("DELETE_FROM_DATABASE", 1, False), ("DEPRECATE_IN_DATABASE", 2, True)],
)
def test_deleted_files_follow_the_delete_behaviour(lake: Aws, behaviour: str, left: int, deprecated: bool):
    for source in ("orders", "products"):
        for day in (1, 2):
            lake.put(RAW, f"{source}/dt=2024-01-0{day}/a.csv", "id\n1\n")
    policy = {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": behaviour}
    make_crawler(lake, "orders", "products", SchemaChangePolicy=policy)
    lake.crawl("crawler")
    gone = ["orders/dt=2024-01-02/a.csv", "products/dt=2024-01-01/a.csv", "products/dt=2024-01-02/a.csv"]
    for key in gone:
        lake.s3.delete_object(Bucket=RAW, Key=key)
    lake.crawl("crawler")
    days = partitions(lake, "orders")
    assert len(days) == left
    assert ("DEPRECATED_BY_CRAWLER" in days.get("2024-01-02", {}).get("Parameters", {})) is deprecated
    tables = {t["Name"]: t for t in lake.glue.get_tables(DatabaseName="raw")["TableList"]}
    assert ("products" in tables) is (behaviour != "DELETE_FROM_DATABASE")
    assert ("DEPRECATED_BY_CRAWLER" in tables.get("products", {}).get("Parameters", {})) is deprecated


def test_update_behaviour_log_leaves_tables_alone_but_adds_partitions(lake: Aws):
    lake.put(RAW, "orders/dt=2024-01-01/a.csv", "id\n1\n")
    make_crawler(lake, "orders", SchemaChangePolicy={"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"})
    lake.crawl("crawler")
    lake.put(RAW, "orders/dt=2024-01-01/b.csv", "id,qty\n1,1\n")
    lake.put(RAW, "orders/dt=2024-01-02/a.csv", "id,qty\n1,1\n")
    lake.crawl("crawler")
    assert columns(table(lake, "orders")) == {"id": "bigint"}
    assert [list(columns(part)) for part in partitions(lake, "orders").values()] == [["id"], ["id", "qty"]]


@pytest.mark.parametrize(
    ("output", "table_columns", "partition_columns"),
    [
        ({"Tables": {"AddOrUpdateBehavior": "MergeNewColumns"}}, ["id", "mine", "qty"], ["id", "qty"]),
        ({"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}}, ["id", "qty"], ["id", "qty"]),
    ],
)
def test_configuration_is_honoured(
    lake: Aws, output: dict, table_columns: list[str], partition_columns: list[str]
):
    lake.put(RAW, "orders/dt=2024-01-01/a.csv", "id\n1\n")
    make_crawler(lake, "orders", Configuration=json.dumps({"Version": 1.0, "CrawlerOutput": output}))
    lake.crawl("crawler")
    if "Tables" in output:
        definition = table(lake, "orders")
        definition["StorageDescriptor"]["Columns"].append({"Name": "mine", "Type": "string"})
        allowed = ("Name", "Parameters", "PartitionKeys", "StorageDescriptor", "TableType")
        lake.glue.update_table(DatabaseName="raw", TableInput={key: definition[key] for key in allowed})
    lake.put(RAW, "orders/dt=2024-01-02/a.csv", "id,qty\n1,1\n")
    lake.crawl("crawler")
    assert list(columns(table(lake, "orders"))) == table_columns
    assert list(columns(partitions(lake, "orders")["2024-01-02"])) == partition_columns


def test_new_folders_only_does_not_look_into_old_ones(lake: Aws):
    lake.put(RAW, "orders/dt=2024-01-01/a.csv", "id\n1\n")
    make_crawler(lake, "orders", RecrawlPolicy={"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"})
    lake.crawl("crawler")
    lake.put(RAW, "orders/dt=2024-01-01/b.csv", "late\n1\n")
    lake.put(RAW, "orders/dt=2024-01-02/a.csv", "id\n1\n")
    lake.crawl("crawler")
    assert [list(columns(part)) for part in partitions(lake, "orders").values()] == [["id"], ["id"]]


def test_one_target_above_the_sources_and_exclusions(lake: Aws):
    for key in (
        "orders/dt=2024-01-01/a.csv",
        "orders/dt=2024-01-02/skip.csv",
        "my-items/2024/01/b.csv",
        "loose/c.csv",
    ):
        lake.put(RAW, key, "id\n1\n")
    targets = {"S3Targets": [{"Path": f"s3://{RAW}", "Exclusions": ["**/skip*"]}]}
    make_crawler(lake, Targets=targets, TablePrefix="raw_")
    lake.crawl("crawler")
    names = [t["Name"] for t in lake.glue.get_tables(DatabaseName="raw")["TableList"]]
    assert sorted(names) == ["raw_01", "raw_loose", "raw_orders"]
    assert list(partitions(lake, "raw_orders")) == ["2024-01-01"]
    assert table(lake, "raw_loose")["PartitionKeys"] == []


def test_a_missing_bucket_fails_the_crawl_and_says_so(lake: Aws):
    make_crawler(lake, Targets={"S3Targets": [{"Path": "s3://no-such-bucket/orders"}]})
    last = lake.crawl("crawler")["LastCrawl"]
    assert last["Status"] == "FAILED"
    assert "no-such-bucket" in last["ErrorMessage"]
    assert lake.glue.list_crawls(CrawlerName="crawler")["Crawls"][0]["State"] == "FAILED"


def refusal(call) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"]


def test_states_of_a_crawler_and_stop(lake: Aws, monkeypatch: pytest.MonkeyPatch):
    lake.put(RAW, "orders/dt=2024-01-01/a.csv", "id\n1\n")
    make_crawler(lake, "orders")
    hold = threading.Event()
    real = crawl_module.infer
    monkeypatch.setattr(crawl_module, "infer", lambda *args: hold.wait(10) and real(*args))
    glue = lake.glue
    glue.start_crawler(Name="crawler")
    crawler = glue.get_crawler(Name="crawler")["Crawler"]
    assert crawler["State"] == "RUNNING"
    assert "LastCrawl" not in crawler
    assert glue.get_crawler_metrics(CrawlerNameList=["crawler"])["CrawlerMetricsList"][0]["StillEstimating"]
    assert refusal(lambda: glue.start_crawler(Name="crawler")) == "CrawlerRunningException"
    assert refusal(lambda: glue.update_crawler(Name="crawler", Role="x")) == "CrawlerRunningException"
    assert refusal(lambda: glue.delete_crawler(Name="crawler")) == "CrawlerRunningException"
    glue.stop_crawler(Name="crawler")
    assert glue.get_crawler(Name="crawler")["Crawler"]["State"] == "STOPPING"
    assert refusal(lambda: glue.stop_crawler(Name="crawler")) == "CrawlerStoppingException"
    hold.set()
    assert lake.wait_crawler("crawler")["LastCrawl"]["Status"] == "CANCELLED"
    assert refusal(lambda: glue.stop_crawler(Name="crawler")) == "CrawlerNotRunningException"
    assert glue.list_crawls(CrawlerName="crawler")["Crawls"][0]["State"] == "STOPPED"
    assert lake.crawl("crawler")["LastCrawl"]["Status"] == "SUCCEEDED"
    metrics = glue.get_crawler_metrics(CrawlerNameList=["crawler"])["CrawlerMetricsList"][0]
    assert (metrics["TablesCreated"], metrics["StillEstimating"]) == (1, False)


def test_definition_updates_and_tags(lake: Aws):
    make_crawler(lake, "orders", Tags={"a": "1"})
    glue = lake.glue
    assert refusal(lambda: make_crawler(lake, "orders")) == "AlreadyExistsException"
    glue.update_crawler(Name="crawler", Description="new")
    arn = "arn:aws:glue:ap-south-1:123456789012:crawler/crawler"
    glue.tag_resource(ResourceArn=arn, TagsToAdd={"b": "2"})
    glue.untag_resource(ResourceArn=arn, TagsToRemove=["a"])
    lake.restart()
    crawler = lake.glue.get_crawler(Name="crawler")["Crawler"]
    assert (crawler["Description"], crawler["Version"], crawler["DatabaseName"]) == ("new", 2, "raw")
    assert lake.glue.get_tags(ResourceArn=arn)["Tags"] == {"b": "2"}
    assert lake.glue.list_crawlers(Tags={"b": "2"})["CrawlerNames"] == ["crawler"]
    lake.glue.delete_crawler(Name="crawler")
    assert refusal(lambda: lake.glue.get_crawler(Name="crawler")) == "EntityNotFoundException"
    jdbc = {"JdbcTargets": [{"ConnectionName": "c", "Path": "p"}]}
    assert refusal(lambda: make_crawler(lake, Targets=jdbc)) == "InvalidInputException"


def test_the_catalog_survives_a_restart(lake: Aws):
    lake.put(RAW, "orders/dt=2024-01-01/a.csv", "id\n1\n")
    make_crawler(lake, "orders")
    lake.crawl("crawler")
    glue = lake.glue
    glue.create_database(DatabaseInput={"Name": "mine", "Description": "d"})
    glue.create_table(DatabaseName="mine", TableInput={"Name": "t", "PartitionKeys": [{"Name": "k"}]})
    glue.batch_create_partition(
        DatabaseName="mine", TableName="t", PartitionInputList=[{"Values": [str(n)]} for n in range(3)]
    )
    glue.delete_partition(DatabaseName="mine", TableName="t", PartitionValues=["1"])
    glue.create_table(DatabaseName="mine", TableInput={"Name": "dropped"})
    glue.delete_table(DatabaseName="mine", Name="dropped")
    before = table(lake, "orders"), partitions(lake, "orders")
    lake.restart()
    assert (table(lake, "orders"), partitions(lake, "orders")) != (None, {})
    after = table(lake, "orders"), partitions(lake, "orders")
    assert after == before
    assert [t["Name"] for t in lake.glue.get_tables(DatabaseName="mine")["TableList"]] == ["t"]
    parts = lake.glue.get_partitions(DatabaseName="mine", TableName="t")["Partitions"]
    assert [part["Values"] for part in parts] == [["0"], ["2"]]


@pytest.mark.parametrize(
    ("pattern", "key", "excluded"),
    [
        ("*.tmp", "a.tmp", True),
        ("*.tmp", "dt=1/a.tmp", False),
        ("**.tmp", "dt=1/a.tmp", True),
        ("dt=1/**", "dt=1/x/y.csv", True),
        ("{a,b}.csv", "b.csv", True),
        ("a?.csv", "ab.csv", True),
        ("a.csv", "axcsv", False),
    ],
)
def test_exclusion_patterns(pattern: str, key: str, excluded: bool):
    assert glob_matcher([pattern])(key) is excluded


def test_include_paths():
    assert read_s3_path("s3://bucket/a/b/") == ("bucket", "a/b/")
    assert read_s3_path("s3://bucket") == ("bucket", "")
    with pytest.raises(CrawlError, match="not an S3 path"):
        read_s3_path("https://example.com/x")


def test_a_crawl_waits_for_nobody(lake: Aws):
    """Reads go on while a crawl runs: many partitions, listed again and again."""
    for day in range(1, 29):
        lake.put(RAW, f"orders/dt=2024-02-{day:02d}/a.csv", "id\n1\n")
    make_crawler(lake, "orders")
    lake.crawl("crawler")
    lake.glue.start_crawler(Name="crawler")
    until(
        lambda: (len(partitions(lake, "orders")), lake.glue.get_crawler(Name="crawler")["Crawler"]["State"]),
        lambda seen: seen == (28, "READY"),
    )
