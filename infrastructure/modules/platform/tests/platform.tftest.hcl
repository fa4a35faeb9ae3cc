# Properties of every deployment, of any size. Runs without an account: AWS is mocked.

mock_provider "aws" {
  source = "../../mocks"
}

mock_provider "aws" {
  alias  = "replica"
  source = "../../mocks"
}

variables {
  env                = "dev"
  account_id         = "123456789012"
  alert_email        = "data-eng@company.com"
  github_repository  = "company/ecommerce-dwh"
  state_bucket       = "ecommerce-dwh-tfstate-123456789012"
  vpc_cidr           = "10.40.0.0/16"
  nat_gateways       = 0
  endpoint_zones     = 3
  log_retention_days = 30
  monthly_budget_usd = 900
  replicate          = true

  redshift = {
    deployment    = "provisioned"
    node_type     = "ra3.large"
    nodes         = 2
    snapshot_days = 3
  }

  airflow = {
    enabled            = true
    environment_class  = "mw1.small"
    workers            = { min = 1, max = 2 }
    private_web_server = true
  }

  glue_jobs = {
    data_processing = { worker_type = "G.1X", max_workers = 4, timeout_minutes = 120, execution_class = "FLEX" }
    data_quality    = { worker_type = "G.1X", max_workers = 2, timeout_minutes = 60, execution_class = "STANDARD" }
    data_erasure    = { worker_type = "G.1X", max_workers = 2, timeout_minutes = 60, execution_class = "STANDARD" }
  }
}

run "names_are_those_that_users_rely_on" {
  assert {
    condition     = output.crawler == "ecommerce-dwh-dev-raw-data-crawler"
    error_message = "The crawler's name is in the team guide."
  }

  assert {
    condition     = output.glue_jobs == { data_processing = "ecommerce-dwh-dev-data-processing", data_quality = "ecommerce-dwh-dev-data-quality", data_erasure = "ecommerce-dwh-dev-data-erasure" }
    error_message = "The jobs' names are in the team guide."
  }

  assert {
    condition     = output.redshift_cluster == "ecommerce-dwh-dev-cluster" && output.redshift_database == "ecommerce_dwh_dev"
    error_message = "Cluster and database names are in the team guide."
  }

  assert {
    condition     = output.catalog_database == "ecommerce_dwh_dev_raw"
    error_message = "The catalog database is named in settings.py."
  }

  assert {
    condition     = tolist(local.sources) == tolist(["customers", "order_items", "orders", "products", "web_events"])
    error_message = "The crawler's sources are the contracts in include/sources."
  }

  assert {
    condition     = output.airflow_url == "https://mocked.airflow.ap-south-1.on.aws" && output.redshift_endpoint == "mocked.ap-south-1.redshift.amazonaws.com:5439"
    error_message = "terraform output must give the addresses."
  }
}

run "a_suffix_moves_bucket_names_only" {
  variables {
    account_suffix = "-123456789012"
  }

  assert {
    condition     = local.buckets["raw"] == "ecommerce-dwh-dev-raw-123456789012" && output.crawler == "ecommerce-dwh-dev-raw-data-crawler"
    error_message = "Only bucket names are unique in the world."
  }

  assert {
    condition     = output.airflow_configuration["ecommerce_dwh.account_suffix"] == "-123456789012"
    error_message = "Airflow must look for the same buckets."
  }
}

run "airflow_is_told_what_the_package_reads" {
  assert {
    condition     = output.airflow_configuration["core.lazy_load_plugins"] == "False"
    error_message = "MWAA wants plugins loaded at start."
  }

  assert {
    condition     = output.airflow_configuration["secrets.backend"] == "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend"
    error_message = "Connections come from Secrets Manager."
  }

  assert {
    condition     = jsondecode(output.airflow_configuration["secrets.backend_kwargs"]).connections_prefix == "airflow/ecommerce-dwh-dev/connections"
    error_message = "Two environments in one account must not share connections."
  }

  assert {
    condition     = output.smtp_secret == "airflow/ecommerce-dwh-dev/connections/smtp_default"
    error_message = "The mail connection lies where the backend looks."
  }
}

run "the_freshness_watch_knows_when_the_cluster_is_up" {
  variables {
    redshift = { deployment = "provisioned", node_type = "ra3.large", nodes = 1, snapshot_days = 1, pause_schedule = { resume = "01:00", pause = "14:30" } }
  }

  assert {
    condition     = output.airflow_configuration["ecommerce_dwh.warehouse_hours"] == "01:00-14:30"
    error_message = "Airflow is told the hours of the schedule."
  }
}

run "a_warehouse_without_a_schedule_is_always_up" {
  variables {
    redshift = { deployment = "serverless", node_type = "ra3.large", nodes = 1, snapshot_days = 1, pause_schedule = { resume = "01:00", pause = "14:30" } }
  }

  assert {
    condition     = output.airflow_configuration["ecommerce_dwh.warehouse_hours"] == ""
    error_message = "A workgroup is not paused."
  }
}

run "serverless_keeps_the_name" {
  variables {
    redshift = { deployment = "serverless", node_type = "ra3.large", nodes = 1, snapshot_days = 1 }
  }

  assert {
    condition     = output.redshift_cluster == "ecommerce-dwh-dev-cluster"
    error_message = "People look for the same name."
  }
}

run "airflow_can_wait_for_its_code" {
  variables {
    airflow = { enabled = false, environment_class = "mw1.small", workers = { min = 1, max = 1 }, private_web_server = true }
  }

  assert {
    condition     = output.airflow_environment == null && output.airflow_url == null
    error_message = "The first apply makes no Airflow environment."
  }
}

# --- what is refused, with a sentence that says what to do ----------------------------------------------------------

run "an_unknown_environment_is_refused" {
  command = plan

  variables {
    env = "production"
  }

  expect_failures = [var.env]
}

run "an_account_that_is_no_account_is_refused" {
  command = plan

  variables {
    account_id = "my-account"
  }

  expect_failures = [var.account_id]
}

run "a_suffix_that_no_bucket_could_bear_is_refused" {
  command = plan

  variables {
    account_suffix = "_UPPER"
  }

  expect_failures = [var.account_suffix]
}

run "a_mail_address_without_at_is_refused" {
  command = plan

  variables {
    alert_email = "data-eng"
  }

  expect_failures = [var.alert_email]
}

run "prod_is_never_disposable" {
  command = plan

  variables {
    env        = "prod"
    disposable = true
  }

  expect_failures = [var.disposable]
}

run "log_retention_is_one_that_exists" {
  command = plan

  variables {
    log_retention_days = 45
  }

  expect_failures = [var.log_retention_days]
}
