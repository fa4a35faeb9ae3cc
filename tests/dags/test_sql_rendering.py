"""SQL files mean the same in a task, which renders them in its DAG's environment, and wherever else they are read."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk import DAG

from ecommerce_dwh.dag_defaults import dag_arguments
from ecommerce_dwh.settings import get_settings
from ecommerce_dwh.warehouse import sql_files
from ecommerce_dwh.warehouse.operators import RedshiftSQLOperator
from ecommerce_dwh.window import LoadWindow

SQL = get_settings().sql_dir
FILES = sorted(
    path.relative_to(SQL).as_posix() for path in SQL.rglob("*.sql") if path.parent.name not in ("macros", "ddl")
)
LOAD = LoadWindow(
    start_date="2026-01-01",
    end_date="2026-01-03",
    run_id="manual__2026-01-01",
    run_key="manual__2026-01-01",
    raw_bucket="raw",
    processed_bucket="processed",
    copy_iam_role="default",
)


@pytest.fixture(scope="module")
def dag():
    with DAG(dag_id="renders", schedule=None, **dag_arguments()) as dag:
        RedshiftSQLOperator(task_id="load", sql="select 1")
    return dag


def test_there_are_files():
    assert len(FILES) > 100


def test_every_file_renders_alike_in_a_dag_in_a_task_and_outside(dag):
    of_dag, of_task = dag.get_template_env(), dag.get_task("load").get_template_env()
    for file in FILES:
        outside = sql_files.render(file, load=LOAD)
        assert of_dag.get_template(file).render(load=LOAD) == outside, f"{file} in a DAG"
        assert of_task.get_template(file).render(load=LOAD) == outside, f"{file} in a task"


def test_a_task_names_one_file_and_runs_all_of_its_steps(dag, monkeypatch):
    monkeypatch.setattr("ecommerce_dwh.window.load_window", lambda _context: LOAD)
    task = RedshiftSQLOperator(task_id="fact_sales", sql="facts/fact_sales/merge.sql", dag=dag)
    task.resolve_template_files()
    task.render_template_fields({})
    assert task.statements() == sql_files.statements("facts/fact_sales/merge.sql", load=LOAD)
    steps = list((SQL / "facts" / "fact_sales").glob("*.sql"))
    assert len(task.statements()) > len(steps) > 5


def test_an_unknown_variable_is_refused(tmp_path: Path):
    (tmp_path / "one.sql").write_text("select '{{ load.first_date }}';")
    with pytest.raises(Exception, match="first_date"):
        sql_files.render("one.sql", tmp_path, load=LOAD)
