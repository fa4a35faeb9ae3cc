"""Glue crawlers as the API shows them: RUNNING, STOPPING, READY, and what the last crawl came to."""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable
from statistics import median
from typing import Any

from .catalog import Catalog
from .crawl import Crawl, CrawlError, CrawlPlan, CrawlStoppedError, CrawlSummary
from .errors import ApiError, invalid, not_found
from .jobs import paged
from .state import Document, Documents
from .store import ObjectStore

log = logging.getLogger("aws_local.crawlers")

_LOG_GROUP = "/aws-glue/crawlers"
_CRAWLS_KEPT = 200
_FIELDS = (
    "Role",
    "DatabaseName",
    "Description",
    "Targets",
    "Schedule",
    "Classifiers",
    "TablePrefix",
    "SchemaChangePolicy",
    "RecrawlPolicy",
    "LineageConfiguration",
    "LakeFormationConfiguration",
    "Configuration",
    "CrawlerSecurityConfiguration",
)


class CrawlerService:
    """The crawler half of Glue's API."""

    def __init__(
        self,
        documents: Documents,
        store: ObjectStore,
        catalog: Catalog,
        sink: Callable[[str, str, list[str]], None],
    ) -> None:
        """Load the crawlers.

        Args:
            documents: where crawlers and the history of crawls are kept.
            store: the lake.
            catalog: the Data Catalog.
            sink: gets (log group, log stream, lines).
        """
        self._documents = documents
        self._store = store
        self._catalog = catalog
        self._sink = sink
        self._lock = threading.RLock()
        self._crawlers = documents.load("crawler")
        self._history: dict[str, list[Document]] = {
            name: document["crawls"] for name, document in documents.load("crawls").items()
        }
        self._stops: dict[str, threading.Event] = {}
        self._threads: dict[str, threading.Thread] = {}

    # -- definitions -----------------------------------------------------------------------------------------

    def _crawler(self, name: str) -> Document:
        if name not in self._crawlers:
            raise not_found("Crawler", name)
        return self._crawlers[name]

    def _idle(self, name: str) -> Document:
        crawler = self._crawler(name)
        if crawler["State"] != "READY":
            raise ApiError("CrawlerRunningException", f"Crawler with name {name} has already started")
        return crawler

    def _fill(self, crawler: Document, request: Document) -> None:
        """Take the given fields over and the defaults for those never given."""
        crawler.update({name: request[name] for name in _FIELDS if request.get(name) is not None})
        if not crawler.get("Role") or not crawler.get("Targets"):
            raise invalid("A crawler needs a Role and Targets")
        policy = {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "DEPRECATE_IN_DATABASE"}
        crawler["SchemaChangePolicy"] = policy | crawler.get("SchemaChangePolicy", {})
        crawler.setdefault("RecrawlPolicy", {"RecrawlBehavior": "CRAWL_EVERYTHING"})
        crawler.setdefault("LineageConfiguration", {"CrawlerLineageSettings": "DISABLE"})
        crawler.setdefault("Classifiers", [])
        for target in crawler["Targets"].get("S3Targets", []):
            target.setdefault("Exclusions", [])
        if isinstance(crawler.get("Schedule"), str):
            state = "SCHEDULED" if crawler["Schedule"] else "NOT_SCHEDULED"
            crawler["Schedule"] = {"ScheduleExpression": crawler["Schedule"], "State": state}
        plan_of(crawler)  # refuses what cannot be crawled

    def create_crawler(self, request: Document) -> Document:
        with self._lock:
            name = request["Name"]
            if name in self._crawlers:
                raise ApiError("AlreadyExistsException", f"{name} already exists")
            now = time.time()
            crawler: Document = {
                "Name": name,
                "State": "READY",
                "CreationTime": now,
                "LastUpdated": now,
                "Version": 1,
            }
            self._fill(crawler, request)
            crawler["Tags"] = dict(request.get("Tags") or {})
            self._save(crawler)
            return {}

    def update_crawler(self, request: Document) -> Document:
        with self._lock:
            crawler = json.loads(json.dumps(self._idle(request["Name"])))
            self._fill(crawler, request)
            crawler["Version"] += 1
            crawler["LastUpdated"] = time.time()
            self._save(crawler)
            return {}

    def delete_crawler(self, request: Document) -> Document:
        with self._lock:
            name = request["Name"]
            self._idle(name)
            del self._crawlers[name]
            self._history.pop(name, None)
            self._documents.delete("crawler", name)
            self._documents.delete("crawls", name)
            self._documents.replace(f"crawled:{name}", "", {})
            return {}

    def _save(self, crawler: Document) -> None:
        self._crawlers[crawler["Name"]] = crawler
        self._documents.put("crawler", crawler["Name"], crawler)

    def _shown(self, crawler: Document) -> Document:
        shown = {key: value for key, value in crawler.items() if key not in ("Tags", "Began")}
        began = crawler.get("Began")
        shown["CrawlElapsedTime"] = int((time.time() - began) * 1000) if began else 0
        return shown

    def get_crawler(self, request: Document) -> Document:
        with self._lock:
            return {"Crawler": self._shown(self._crawler(request["Name"]))}

    def get_crawlers(self, request: Document) -> Document:
        with self._lock:
            return paged([self._shown(crawler) for crawler in self._crawlers.values()], request, "Crawlers")

    def batch_get_crawlers(self, request: Document) -> Document:
        names = request["CrawlerNames"]
        with self._lock:
            return {
                "Crawlers": [self._shown(self._crawlers[name]) for name in names if name in self._crawlers],
                "CrawlersNotFound": [name for name in names if name not in self._crawlers],
            }

    def list_crawlers(self, request: Document) -> Document:
        wanted = (request.get("Tags") or {}).items()
        names = [name for name, crawler in self._crawlers.items() if wanted <= crawler["Tags"].items()]
        return paged(names, request, "CrawlerNames")

    def tags(self, name: str) -> dict[str, str]:
        """The tags of a crawler, to be changed in place and saved."""
        return self._crawler(name)["Tags"]

    def save_tags(self, name: str) -> None:
        """Write a crawler's changed tags down."""
        self._save(self._crawler(name))

    # -- crawls ----------------------------------------------------------------------------------------------

    def start_crawler(self, request: Document) -> Document:
        with self._lock:
            crawler = self._idle(request["Name"])
            name = crawler["Name"]
            crawl: Document = {
                "CrawlId": str(uuid.uuid4()),
                "State": "RUNNING",
                "StartTime": time.time(),
                "LogGroup": _LOG_GROUP,
                "LogStream": name,
                "DPUHour": 0.0,
            }
            crawl["MessagePrefix"] = crawl["CrawlId"]
            crawler["State"] = "RUNNING"
            crawler["Began"] = crawl["StartTime"]
            self._save(crawler)
            self._record(name, crawl)
            stop = self._stops[name] = threading.Event()
            thread = threading.Thread(
                target=self._execute, args=(crawler, crawl, stop), name=f"crawl-{name}", daemon=True
            )
            self._threads[name] = thread
            thread.start()
            return {}

    def stop_crawler(self, request: Document) -> Document:
        with self._lock:
            crawler = self._crawler(request["Name"])
            if crawler["State"] == "READY":
                raise ApiError(
                    "CrawlerNotRunningException", f"Crawler with name {crawler['Name']} isn't running"
                )
            if crawler["State"] == "STOPPING":
                raise ApiError("CrawlerStoppingException", f"Crawler with name {crawler['Name']} is stopping")
            self._stops[crawler["Name"]].set()
            crawler["State"] = "STOPPING"
            self._save(crawler)
            return {}

    def _execute(self, crawler: Document, crawl: Document, stop: threading.Event) -> None:
        """The life of one crawl, in its own thread."""
        name = crawler["Name"]

        def report(line: str) -> None:
            self._sink(_LOG_GROUP, name, [f"[{crawl['CrawlId']}] {line}"])
            if line.startswith(("ERROR", "WARN")):
                log.warning("crawler %s: %s", name, line)

        report(f"BENCHMARK : Running Start Crawl for Crawler {name}")
        run = Crawl(plan_of(crawler), self._store, self._catalog, self._documents, report=report, stop=stop)
        status, message = "SUCCEEDED", ""
        try:
            run.run()
        except CrawlStoppedError:
            status = "CANCELLED"
        except CrawlError as error:
            status, message = "FAILED", str(error)
        except Exception as error:
            log.exception("crawler %s broke", name)
            status, message = "FAILED", f"Internal Service Exception: {type(error).__name__}: {error}"
        with self._lock:
            crawler["State"] = "STOPPING"
        if message:
            report(f"ERROR : {message}")
        report("BENCHMARK : Crawler has finished running and is in state READY")
        self._finish(crawler, crawl, status, message, run.summary)
        took = crawl["EndTime"] - crawl["StartTime"]
        log.info("crawler %s: %s in %.2f s: %s", name, status, took, message or crawl["Summary"])

    def _finish(
        self, crawler: Document, crawl: Document, status: str, message: str, summary: CrawlSummary
    ) -> None:
        with self._lock:
            crawl["EndTime"] = time.time()
            crawl["State"] = {"SUCCEEDED": "COMPLETED", "CANCELLED": "STOPPED"}.get(status, status)
            crawl["Summary"] = json.dumps(vars(summary) | {"unreadable": len(summary.unreadable)})
            crawl["Counts"] = [summary.tables_created, summary.tables_updated, summary.tables_deleted]
            last: Document = {
                "Status": status,
                "LogGroup": _LOG_GROUP,
                "LogStream": crawler["Name"],
                "MessagePrefix": crawl["MessagePrefix"],
                "StartTime": crawl["StartTime"],
            }
            if message:
                crawl["ErrorMessage"] = last["ErrorMessage"] = message
            crawler["LastCrawl"] = last
            crawler["State"] = "READY"
            crawler.pop("Began", None)
            self._record(crawler["Name"], crawl)
            self._save(crawler)

    def _record(self, name: str, crawl: Document) -> None:
        crawls = self._history.setdefault(name, [])
        if crawl not in crawls:
            crawls.insert(0, crawl)
            del crawls[_CRAWLS_KEPT:]
        self._documents.put("crawls", name, {"crawls": crawls})

    def list_crawls(self, request: Document) -> Document:
        with self._lock:
            self._crawler(request["CrawlerName"])
            shown = [
                {key: value for key, value in crawl.items() if key != "Counts"}
                for crawl in self._history.get(request["CrawlerName"], [])
                if all(_admits(rule, crawl) for rule in request.get("Filters") or [])
            ]
            return paged(shown, request, "Crawls")

    def get_crawler_metrics(self, request: Document) -> Document:
        with self._lock:
            names = request.get("CrawlerNameList") or list(self._crawlers)
            metrics = [self._metrics(name) for name in names if name in self._crawlers]
            return paged(metrics, request, "CrawlerMetricsList")

    def _metrics(self, name: str) -> Document:
        done = [crawl for crawl in self._history.get(name, []) if "EndTime" in crawl]
        times = [crawl["EndTime"] - crawl["StartTime"] for crawl in done]
        counts = done[0]["Counts"] if done else [0, 0, 0]
        running = self._crawlers[name]["State"] == "RUNNING"
        left = (
            max(median(times) - (time.time() - self._crawlers[name]["Began"]), 0.0)
            if running and times
            else 0.0
        )
        return {
            "CrawlerName": name,
            "TimeLeftSeconds": left,
            "StillEstimating": running and not times,
            "LastRuntimeSeconds": times[0] if times else 0.0,
            "MedianRuntimeSeconds": median(times) if times else 0.0,
            "TablesCreated": counts[0],
            "TablesUpdated": counts[1],
            "TablesDeleted": counts[2],
        }

    # -- life of the service ---------------------------------------------------------------------------------

    def recover(self) -> None:
        """Settle crawls of a server that was killed."""
        for crawler in self._crawlers.values():
            if crawler["State"] == "READY":
                continue
            crawls = self._history.get(crawler["Name"]) or [{"MessagePrefix": "", "StartTime": time.time()}]
            message = "Crawl interrupted: the local endpoint was stopped while it ran"
            self._finish(crawler, crawls[0], "FAILED", message, CrawlSummary())

    def close(self) -> None:
        """Stop running crawls and wait for them."""
        with self._lock:
            for stop in self._stops.values():
                stop.set()
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(timeout=10)


def _admits(rule: Document, crawl: Document) -> bool:
    """One filter of ListCrawls."""
    names = {"CRAWL_ID": "CrawlId", "STATE": "State", "START_TIME": "StartTime", "END_TIME": "EndTime"}
    value: Any = crawl.get(names.get(rule.get("FieldName", ""), "DPUHour"))
    wanted: Any = rule.get("FieldValue", "")
    if isinstance(value, float):
        wanted = float(wanted) / (1000 if float(wanted) > 1e11 else 1)
    if value is None:
        return False
    return {
        "EQ": value == wanted,
        "NE": value != wanted,
        "GT": value > wanted,
        "GE": value >= wanted,
        "LT": value < wanted,
        "LE": value <= wanted,
    }.get(rule.get("FilterOperator", "EQ"), False)


def plan_of(crawler: Document) -> CrawlPlan:
    """The request of a crawler's definition.

    Raises:
        ApiError: it asks for what this endpoint cannot crawl, or its Configuration is not JSON.
    """
    others = [kind for kind, targets in crawler["Targets"].items() if targets and kind != "S3Targets"]
    if others:
        raise invalid(f"The local endpoint crawls S3 targets only, not {', '.join(others)}")
    try:
        output = json.loads(crawler.get("Configuration") or "{}").get("CrawlerOutput", {})
    except (ValueError, AttributeError):
        raise invalid("Configuration is not a JSON object") from None
    new_folders_only = crawler["RecrawlPolicy"].get("RecrawlBehavior") == "CRAWL_NEW_FOLDERS_ONLY"
    policy = crawler["SchemaChangePolicy"]
    return CrawlPlan(
        name=crawler["Name"],
        database=crawler.get("DatabaseName") or "default",
        targets=tuple(
            (target["Path"], tuple(target.get("Exclusions") or ()), int(target.get("SampleSize") or 0))
            for target in crawler["Targets"].get("S3Targets", [])
        ),
        prefix=crawler.get("TablePrefix") or "",
        update=policy["UpdateBehavior"],
        delete=policy["DeleteBehavior"],
        merge_new_columns=output.get("Tables", {}).get("AddOrUpdateBehavior") == "MergeNewColumns",
        inherit=output.get("Partitions", {}).get("AddOrUpdateBehavior") == "InheritFromTable",
        new_folders_only=new_folders_only,
    )
