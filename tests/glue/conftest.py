"""One Spark session for all tests of the Glue jobs, and a lake in a folder to run them on."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from spark_for_tests import REPO, compile_queries, spark_session
from storage import FolderStorage

from ecommerce_dwh.contracts import SourceContract, load_contracts
from ecommerce_dwh_glue.job import Options
from ecommerce_dwh_glue.processing import read
from ecommerce_dwh_glue.processing.context import Outcome
from ecommerce_dwh_glue.processing.run import process
from ecommerce_dwh_glue.quality.run import assess

SOURCES = ("customers", "products", "orders", "order_items", "web_events")
ITEM_HEADER = b"order_item_id,order_id,product_id,quantity,unit_price,line_total\n"


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    session = spark_session()
    yield session
    session.stop()


@pytest.fixture(scope="session")
def contracts() -> dict[str, SourceContract]:
    return load_contracts(REPO / "include" / "sources")


class Metrics:
    """A CloudWatch client that remembers."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def put_metric_data(self, **call: Any) -> None:
        self.sent.append(call)


@dataclass
class Lake:
    """Raw and processed buckets in a folder."""

    spark: SparkSession
    contracts: Mapping[str, SourceContract]
    root: Path
    metrics: Metrics = field(default_factory=Metrics)

    @property
    def storage(self) -> FolderStorage:
        return FolderStorage(self.root)

    def put(self, source: str, day: str, content: bytes, name: str = "part.csv") -> str:
        """Land a raw file; names ending in .gz are compressed unless the content already is."""
        key = f"{source}/dt={day}/{name}"
        if name.endswith(".gz") and not content.startswith(b"\x1f\x8b"):
            content = gzip.compress(content, mtime=0)
        self.storage.write("raw", key, content, "")
        return key

    def declare_empty(self, start: str, end: str, sources: tuple[str, ...] = SOURCES) -> None:
        """Put an _EMPTY object wherever a source has no file of a day."""
        day = dt.date.fromisoformat(start)
        while day.isoformat() <= end:
            for source in sources:
                folder = self.root / "raw" / source / f"dt={day}"
                if not folder.is_dir():
                    self.storage.write("raw", f"{source}/dt={day}/_EMPTY", b"", "")
            day += dt.timedelta(days=1)

    def options(self, start: str, end: str | None = None, run: str = "manual-1") -> Options:
        return Options("dev", "ap-south-1", "raw", "processed", start, end or start, run)

    def process(self, start: str, end: str | None = None, run: str = "manual-1") -> Outcome:
        return process(self.spark, self.storage, self.contracts, self.options(start, end, run))

    def assess(self, start: str, end: str | None = None, run: str = "manual-1") -> dict[str, Any]:
        return assess(self.spark, self.storage, self.contracts, self.options(start, end, run), self.metrics)

    def summary(self, run: str = "manual-1") -> dict[str, Any]:
        return json.loads(self.storage.read("processed", f"runs/{run}/processing.json"))

    def manifest(self, name: str, run: str = "manual-1") -> list[dict[str, Any]]:
        return json.loads(self.storage.read("processed", f"runs/{run}/copy/{name}.manifest"))["entries"]

    def loaded(self, name: str, run: str = "manual-1") -> DataFrame:
        """The rows that COPY would load."""
        keys = [entry["url"].removeprefix("s3://processed/") for entry in self.manifest(name, run)]
        return self.spark.read.parquet(*(self.storage.url("processed", key) for key in keys))

    def quarantine(self, run: str = "manual-1") -> list[Any]:
        keys = self.summary(run)["quarantine_files"]
        if not keys:
            return []
        base = self.storage.url("processed", "quarantine/")
        paths = [self.storage.url("processed", key) for key in keys]
        return self.spark.read.option("basePath", base).parquet(*paths).collect()


@pytest.fixture(scope="session")
def new_lake(
    spark: SparkSession, contracts: dict[str, SourceContract], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Lake]:
    return lambda: Lake(spark, contracts, tmp_path_factory.mktemp("lake"))


@pytest.fixture
def lake(new_lake: Callable[[], Lake]) -> Lake:
    return new_lake()


@pytest.fixture(scope="module")
def compiled(spark: SparkSession) -> Iterator[None]:
    """Queries are compiled, as on Glue."""
    compile_queries(spark, True)
    yield
    compile_queries(spark, False)


@pytest.fixture(scope="module", params=["small", "large"])
def volume(request: pytest.FixtureRequest) -> Iterator[str]:
    """Both ways of processing, whatever the size of a test's files: ranking all rows, and ranking the marked ones.

    The second, which serves large files, with compiled queries as on Glue.
    """
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "large":
            request.getfixturevalue("compiled")
            patch.setattr(read, "SMALL_VOLUME", 0)
        yield request.param


@pytest.fixture(scope="session")
def real() -> Path:
    """Folder of the real shops' files."""
    folder = os.environ.get("DWH_REAL_DATA")
    if not folder and os.environ.get("CI") == "true":
        pytest.fail("DWH_REAL_DATA must name the folder of real data in CI")
    if not folder:
        pytest.skip("DWH_REAL_DATA names no folder of real data")
    return Path(folder)
