# The commands of ecommerce-dwh. `make help` lists them. Nothing here needs root, Docker or a cloud account.

PYTHON ?= python3
.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-print-directory

# Relative paths only: make takes spaces in a path for the end of a name.
LOCAL := .venv/local/bin/python
AIRFLOW := .venv/airflow/bin/python
DEV := .venv/dev/bin
PYTHON312 ?= python3.12
BOOTSTRAP := $(PYTHON) local/stack/bootstrap.py

.PHONY: help
help: ## show this list
	@if [ -t 1 ]; then b=$$(printf '\033[1m'); c=$$(printf '\033[36m'); n=$$(printf '\033[0m'); fi; \
	awk -v b="$$b" -v c="$$c" -v n="$$n" 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s%s%s\n", b, substr($$0, 5), n } \
	  /^[a-z0-9-]+:.*## / { gsub(/\$$\$$/, "$$", $$2); printf "  %s%-17s%s %s\n", c, $$1, n, $$2 }' Makefile
	@printf '\nPorts move with DWH_LOCAL_AIRFLOW_PORT=8081 and the like (local/config.py); PYTHON=python3.12 builds with another Python.\n'

##@ The two commands

.PHONY: run test test-real test-ui test-airflow-312
run: python setup-run ## from nothing to three loaded days: summary of the warehouse, then a clean stop
	@$(LOCAL) -m local run $(ARGS)

test: python setup-dev ## lint and every test suite in its environment, two at a time; ends with one verdict
	@$(LOCAL) tests/run.py $(ARGS)

test-real: python setup-dev ## real shops' files in stacks of their own (DWH_REAL_DATA=folder of the data sets)
	@$(LOCAL) tests/run.py real $(ARGS)

test-ui: python setup-dev ## tests of the web UI in the system's Chromium
	@$(BOOTSTRAP) ui
	@$(LOCAL) tests/run.py ui $(ARGS)

test-airflow-312: python setup-dev ## the Airflow suites on Python 3.12, as on MWAA (PYTHON312=python3.12)
	@$(PYTHON312) local/stack/bootstrap.py airflow-312:airflow
	@$(LOCAL) tests/run.py unit-312 dags-312

##@ The local stack

.PHONY: up down status logs reset env psql load-sample import map plan
up: python setup-run ## start everything and leave it running: web UI, warehouse, AWS endpoint, mail
	@$(LOCAL) -m local up

down: python setup-run ## stop everything; lake, warehouse and history are kept
	@$(LOCAL) -m local down

status: python setup-run ## state, address and memory of each component
	@$(LOCAL) -m local status; code=$$?; [ $$code -eq 3 ] || exit $$code

logs: python setup-run ## last lines of the logs (ARGS="-f scheduler" follows one)
	@$(LOCAL) -m local logs $(ARGS)

reset: python setup-run ## stop and delete all local state (asks; YES=1 does not)
	@$(LOCAL) -m local reset $(if $(YES),--yes)

env: python setup-run ## shell lines for the AWS CLI, psql and airflow: eval "$$(make -s env)"
	@$(LOCAL) -m local env

psql: python setup-run ## SQL prompt on the warehouse (SQL="select 1" runs one statement)
	@$(LOCAL) -m local psql $(if $(SQL),-c "$(SQL)") $(ARGS)

load-sample: python setup-run ## land a folder of source files and run its days (SAMPLE=folder)
	@[ -n "$(SAMPLE)" ] || { echo "Say which: make load-sample SAMPLE=path/to/folder"; exit 2; }
	@$(LOCAL) -m local load-sample "$(SAMPLE)" $(ARGS)

import: python setup-run ## load a shop system's export and compare its totals (SHOP=shopify FILE=orders_export.csv)
	@[ -n "$(FILE)" ] || { echo "Say which: make import SHOP=shopify FILE=orders_export.csv"; exit 2; }
	@$(LOCAL) -m local import "$(FILE)" $(if $(SHOP),--shop "$(SHOP)") $(ARGS)

map: python setup-run ## propose a mapping for files of any other system (SAMPLE=folder or file)
	@[ -n "$(SAMPLE)" ] || { echo "Say which: make map SAMPLE=path/to/folder"; exit 2; }
	@$(LOCAL) -m local map "$(SAMPLE)" $(ARGS)

plan: python setup-run ## what bootstrap would change, in words and SQL (ENV=dev ACCOUNT=123456789012: a deployed environment)
	@PYTHONPATH=plugins $(LOCAL) -m tools.plan $(if $(ENV),--env "$(ENV)" --account "$(ACCOUNT)") $(ARGS)

##@ Development

.PHONY: setup setup-run setup-dev lint format hooks generate new-source new-metric conformance soak sql docs docs-queries bench clean
setup: python ## build the Python environments from their hash-pinned requirements
	@$(BOOTSTRAP) airflow spark local dev

setup-run:
	@$(BOOTSTRAP) --connector-later airflow spark local

# Spark's S3 connector is left to what needs it: the tests and the stack download it while other things run.
setup-dev:
	@$(BOOTSTRAP) --connector-later airflow spark local dev

lint: python setup-dev ## ruff, mypy, sqlfluff, and that generated SQL matches the contracts
	@$(LOCAL) tests/run.py lint

format: python setup-dev ## let ruff and sqlfluff rewrite the code
	@$(DEV)/ruff check --fix-only --quiet .
	@$(DEV)/ruff format .
	@$(DEV)/sqlfluff fix --quiet include/sql

hooks: python setup-dev ## check each commit: ruff, sqlfluff, codespell, generated files (ARGS=--all-files checks now)
	@$(DEV)/pre-commit $(if $(ARGS),run $(ARGS),install)

generate: python setup-run ## rewrite what follows from other files: SQL, rulesets, pages of the docs (ARGS=--check)
	@PYTHONPATH=plugins $(AIRFLOW) -m tools.generate $(ARGS)

new-source: python setup-dev ## stubs of a new source, to be filled (NAME=gift_cards)
	@$(DEV)/python -m tools.new_source "$(NAME)"

new-metric: python setup-dev ## stubs of a new view of analytics, to be filled (NAME=daily_revenue)
	@$(DEV)/python -m tools.new_metric "$(NAME)"

conformance: python setup ## ask a Redshift what the local endpoint takes for granted (ARGS="--host … --user …")
	@PYTHONPATH=plugins:packages/redshift-local/src $(LOCAL) -m tools.conformance $(ARGS)

soak: python setup ## 10,000 random histories against the guarantees; goes on where it was stopped (ARGS="--minutes 30")
	@$(LOCAL) -m tests.soak $(ARGS)

sql: python setup-run ## print a file of include/sql with macros and steps in their places (FILE=maintenance/rebuild_warehouse.sql)
	@[ -n "$(FILE)" ] || { echo "Say which: make sql FILE=maintenance/rebuild_warehouse.sql"; exit 2; }
	@PYTHONPATH=plugins $(LOCAL) -m tools.rendered_sql "$(FILE)"

docs: python setup-dev ## build the documentation site into artifacts/site, strictly (ARGS=--serve: live)
	@$(DEV)/python -m tools.docs_site $(ARGS)

docs-queries: python setup-run ## write the guide's queries with their answers from the running, loaded stack
	@$(LOCAL) -m tools.questions $(ARGS)

bench: python setup ## measure speed and memory (ARGS names benchmarks; default: all)
	@$(LOCAL) benchmarks/run.py $(ARGS)

clean: ## delete the environments (local state stays; see reset)
	@rm -rf .venv

.PHONY: python
python:
	@command -v "$(PYTHON)" >/dev/null 2>&1 || \
	  { echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or say which: make PYTHON=/path/to/python3"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "$(PYTHON) is not Python 3.11 or newer ($$("$(PYTHON)" -V 2>&1 | head -1)). Say which: make PYTHON=python3.11 …"; exit 1; }

##@ AWS

INFRA := .venv/infra/bin/python

.PHONY: preflight verify package deploy deploy-diff test-infra
preflight: python setup-infra ## is an account ready for its first apply? Read-only (ENV=dev ACCOUNT=123456789012)
	@$(INFRA) tools/preflight.py --env "$(ENV)" --account "$(ACCOUNT)" $(ARGS)

verify: python setup-infra ## does a deployed environment work? Ends with a tiny run (ENV=dev ACCOUNT=123456789012)
	@$(INFRA) tools/verify.py --env "$(ENV)" --account "$(ACCOUNT)" $(ARGS)

package: python setup-infra ## build the MWAA and Glue package into dist/
	@$(INFRA) tools/package.py

deploy: python setup-infra ## bring the committed package to AWS (ENV=dev ACCOUNT=123456789012)
	@$(INFRA) tools/deploy.py apply --env "$(ENV)" --account "$(ACCOUNT)"

deploy-diff: python setup-infra ## show what deploy would change (ENV=dev ACCOUNT=123456789012)
	@$(INFRA) tools/deploy.py diff --env "$(ENV)" --account "$(ACCOUNT)"

test-infra: python setup-dev setup-infra ## Terraform, package, containers, workflows, security (needs terraform on the PATH)
	@$(LOCAL) tests/run.py infra $(ARGS)

.PHONY: setup-infra
setup-infra:
	@$(BOOTSTRAP) infra
