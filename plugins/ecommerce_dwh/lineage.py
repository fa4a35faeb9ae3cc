"""Lineage for OpenLineage: the tables and files that a task reads and writes, and the origin of each column.

``make generate`` reads the statements (`tools.generate.sql_lineage`), so a task only reads
``include/generated/lineage.json``. Without a transport in the section ``[openlineage]`` nothing is sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecommerce_dwh.settings import Settings, get_settings

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

Origins = Mapping[str, Iterable[str]]


@cache
def _known(include: Path) -> dict[str, Any]:
    return dict(json.loads((include / "generated" / "lineage.json").read_text("utf-8")))


def dataset_of(name: str, settings: Settings | None = None) -> tuple[str, str]:
    """Namespace and name, after OpenLineage's naming rules, of what lineage calls ``name``.

    ``raw/<source>`` and ``accepted/<source>`` (also ``quarantine/…``, ``quality/…``) are folders of the raw and
    processed bucket; anything else is ``schema.table`` of the warehouse.
    """
    settings = settings or get_settings()
    folder, slash, rest = name.partition("/")
    if slash:
        bucket = settings.raw_bucket if folder == "raw" else settings.processed_bucket
        return f"s3://{bucket}", rest if folder == "raw" else name
    return f"redshift://{settings.cluster}.{settings.region}:5439", f"{settings.database}.{name}"


def operator_lineage(inputs: Iterable[str], outputs: Mapping[str, Origins], sql: str = "") -> OperatorLineage:
    """Datasets with schema and column lineage; columns are ``<dataset>.<column>``, datasets as in `dataset_of`."""
    # Imported here: DAG files need not pay for it when they are parsed.
    from airflow.providers.common.compat.openlineage.facet import (
        ColumnLineageDatasetFacet,
        Dataset,
        Fields,
        InputField,
        SchemaDatasetFacet,
        SchemaDatasetFacetFields,
        SQLJobFacet,
    )
    from airflow.providers.openlineage.extractors import OperatorLineage

    def field(column: str) -> Any:
        dataset, _, name = column.rpartition(".")
        namespace, full_name = dataset_of(dataset)
        return InputField(namespace=namespace, name=full_name, field=name)

    def output(name: str, origins: Origins) -> Any:
        namespace, full_name = dataset_of(name)
        facets = {
            "schema": SchemaDatasetFacet(fields=[SchemaDatasetFacetFields(name=column) for column in origins]),
            "columnLineage": ColumnLineageDatasetFacet(
                fields={
                    column: Fields(
                        inputFields=[field(origin) for origin in found],
                        transformationType="",
                        transformationDescription="",
                    )
                    for column, found in origins.items()
                    if found
                }
            ),
        }
        return Dataset(namespace=namespace, name=full_name, facets=facets)

    def plain(name: str) -> Any:
        namespace, full_name = dataset_of(name)
        return Dataset(namespace=namespace, name=full_name)

    return OperatorLineage(
        inputs=[plain(name) for name in sorted(set(inputs))],
        outputs=[output(name, origins) for name, origins in sorted(outputs.items())],
        job_facets={"sql": SQLJobFacet(query=sql)} if sql else {},
    )


def sql_lineage(files: Iterable[str], sql: str = "") -> OperatorLineage:
    """Lineage of SQL files, named as below ``include/sql``."""
    inputs: set[str] = set()
    outputs: dict[str, dict[str, set[str]]] = {}
    known = _known(get_settings().include_dir)
    for file in files:
        found = known.get(file, {"inputs": [], "outputs": {}})
        inputs |= set(found["inputs"])
        for table, columns in found["outputs"].items():
            for column, origins in columns.items():
                outputs.setdefault(table, {}).setdefault(column, set()).update(origins)
    ordered = {table: {c: sorted(o) for c, o in columns.items()} for table, columns in outputs.items()}
    return operator_lineage(inputs, ordered, sql)


def glue_lineage(job_name: str) -> OperatorLineage:
    """Lineage of the Glue jobs: raw files to accepted and quarantined rows, and these to the quality report."""
    from ecommerce_dwh.contracts import load_contracts  # late import: reads files

    settings = get_settings()
    contracts = load_contracts(settings.sources_dir)
    if job_name == settings.processing_job:
        outputs: dict[str, Origins] = {}
        for contract in contracts.values():
            raw = f"raw/{contract.name}"
            own = [column.name for column in contract.columns]
            origins: dict[str, list[str]] = {name: [f"{raw}.{name}"] for name in own}
            for derived in contract.derived_columns:
                kind, _, column = derived.derivation.partition(":")
                origins[derived.name] = [f"{raw}.{column}"] if kind == "raw" else [f"{raw}.session_id"]
            if contract.version_column:
                origins["version_at"] = [f"{raw}.{contract.version_column}"]
            origins["row_hash"] = [f"{raw}.{name}" for name in own if name not in (contract.key, "updated_at")]
            for accepted in contract.accepted_columns:
                origins.setdefault(accepted.name, [])
            outputs[f"accepted/{contract.name}"] = origins
            outputs[f"quarantine/{contract.name}"] = {"raw_text": [f"{raw}.{name}" for name in own]}
        outputs["accepted/ledger"] = {
            "raw_amount": [f"raw/{c.name}.{name}" for c in contracts.values() for name in c.amount]
        }
        return operator_lineage([f"raw/{name}" for name in contracts], outputs)
    if job_name == settings.quality_job:
        inputs = [f"{kind}/{name}" for name in contracts for kind in ("accepted", "quarantine")]
        rules = {
            "rows_failed": [
                f"accepted/{contract.name}.{column}"
                for contract in contracts.values()
                for column in sorted({column for rule in contract.rules for column in rule.columns})
            ]
        }
        return operator_lineage(inputs, {"accepted/check_result": rules, "quality/reports": {}})
    return operator_lineage([], {})
