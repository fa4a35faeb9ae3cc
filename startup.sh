#!/usr/bin/env bash
# Runs on every Airflow component of Amazon MWAA before its requirements are installed. It changes nothing; it says in
# the log which release starts, and whether the package arrived whole, so that a failed start explains itself.
set -uo pipefail

plugins=${AIRFLOW_HOME:-/usr/local/airflow}/plugins

if [[ -r $plugins/RELEASE ]]; then
  DWH_RELEASE=$(<"$plugins/RELEASE")
  export DWH_RELEASE
  echo "ecommerce-dwh release $DWH_RELEASE on ${MWAA_AIRFLOW_COMPONENT:-airflow}"
else
  echo "ecommerce-dwh: there is no $plugins/RELEASE; was plugins.zip built by 'make package'?" >&2
fi

if ! compgen -G "$plugins/wheels/*.whl" >/dev/null; then
  echo "ecommerce-dwh: no wheels in $plugins/wheels; requirements.txt cannot be installed" >&2
fi
