# Catalogue, crawler and Spark jobs. The arguments set here are defaults; Airflow overrides them for each run.

locals {
  scripts = "s3://${var.buckets["scripts"]}/glue"
  logs    = "s3://${var.buckets["logs"]}"
  titles = {
    data_processing = "Raw files of a window of days into typed, accounted Parquet"
    data_quality    = "Evaluates all quality rules of a window of days and writes the report"
    data_erasure    = "Takes one person out of raw and processed files, older versions included"
  }

  connections = [for zone in sort(keys(var.subnets)) : aws_glue_connection.vpc[zone].name]

  log_prefix = "/aws-glue/jobs/${var.prefix}"
  # The last part of a role's ARN is its name.
  role_names = { for name, arn in var.role_arns : name => reverse(split("/", arn))[0] }
  log_groups = merge(
    {
      for pair in setproduct(keys(var.jobs), ["error", "output"]) :
      "${pair[0]}-${pair[1]}" => "${local.log_prefix}/${var.prefix}-role/${local.role_names[pair[0]]}/${pair[1]}"
    },
    { crawler = "/aws-glue/crawlers-role/${local.role_names["crawler"]}-${var.prefix}" },
  )
}

resource "aws_glue_catalog_database" "raw" {
  name        = replace("${var.prefix}-raw", "-", "_") # underscores: Athena-friendly
  description = "Raw files as they arrive"
}

resource "aws_glue_security_configuration" "this" {
  name = var.prefix

  encryption_configuration {
    cloudwatch_encryption {
      cloudwatch_encryption_mode = "SSE-KMS"
      kms_key_arn                = var.kms_key_arn
    }

    job_bookmarks_encryption {
      job_bookmarks_encryption_mode = "CSE-KMS"
      kms_key_arn                   = var.kms_key_arn
    }

    s3_encryption {
      s3_encryption_mode = "SSE-KMS"
      kms_key_arn        = var.kms_key_arn
    }
  }
}

# Puts jobs and crawler into the private subnets. A run works in one zone: Glue takes the first connection whose zone is well
# (docs.aws.amazon.com/glue/latest/dg/glue-troubleshooting-errors.html, "Failover behavior"), so the loss of a zone costs
# the runs in it, and a retry finds another.
resource "aws_glue_connection" "vpc" {
  for_each = var.subnets

  name            = "${var.prefix}-vpc-${each.key}"
  description     = "Network of the jobs and the crawler"
  connection_type = "NETWORK"

  physical_connection_requirements {
    availability_zone      = each.key
    subnet_id              = each.value
    security_group_id_list = [var.security_group_id]
  }
}

# Glue would make these groups itself, and keep them for ever. Their names follow from prefix, security configuration and
# role: docs.aws.amazon.com/glue/latest/dg/monitor-continuous-logging.html
resource "aws_cloudwatch_log_group" "jobs" {
  # checkov:skip=CKV_AWS_338:dev keeps logs for a month by choice; prod passes 400 days
  for_each = local.log_groups

  name              = each.value
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_glue_crawler" "raw" {
  name                   = "${var.prefix}-raw-data-crawler"
  description            = "Schemas and partitions of the raw files"
  role                   = var.role_arns["crawler"]
  database_name          = aws_glue_catalog_database.raw.name
  security_configuration = aws_glue_security_configuration.this.name

  dynamic "s3_target" {
    for_each = var.sources

    content {
      path            = "s3://${var.buckets["raw"]}/${s3_target.value}/"
      connection_name = local.connections[0] # a crawler takes one
    }
  }

  schema_change_policy {
    update_behavior = "UPDATE_IN_DATABASE"
    delete_behavior = "LOG"
  }

  # Corrected and late files arrive in folders of days that were crawled before.
  recrawl_policy {
    recrawl_behavior = "CRAWL_EVERYTHING"
  }
}

resource "aws_glue_job" "this" {
  for_each = var.jobs

  name                   = "${var.prefix}-${replace(each.key, "_", "-")}"
  description            = local.titles[each.key]
  role_arn               = var.role_arns[each.key]
  glue_version           = "5.1"
  worker_type            = each.value.worker_type
  number_of_workers      = each.value.max_workers
  execution_class        = each.value.execution_class
  timeout                = each.value.timeout_minutes
  max_retries            = 0 # Airflow retries, and knows which run was which
  connections            = local.connections
  security_configuration = aws_glue_security_configuration.this.name

  command {
    name            = "glueetl"
    python_version  = "3"
    script_location = "${local.scripts}/${each.key}.py"
  }

  execution_property {
    max_concurrent_runs = 3 # the daily run, a backfill and one by hand
  }

  default_arguments = {
    # Arguments of the script; the last three make `aws glue start-job-run` work without arguments.
    "--env"              = var.env
    "--region"           = var.region
    "--raw_bucket"       = var.buckets["raw"]
    "--processed_bucket" = var.buckets["processed"]
    "--start_date"       = "latest"
    "--end_date"         = "latest"
    "--run_id"           = "manual"
    # How Glue runs it.
    "--extra-py-files"               = "${local.scripts}/ecommerce_dwh_glue.zip"
    "--TempDir"                      = "${local.logs}/glue-temp/"
    "--enable-auto-scaling"          = "true"
    "--enable-metrics"               = "true"
    "--enable-observability-metrics" = "true"
    "--enable-job-insights"          = "true"
    "--custom-logGroup-prefix"       = local.log_prefix
    "--enable-spark-ui"              = "true"
    "--spark-event-logs-path"        = "${local.logs}/spark-events/${each.key}/"
    "--job-bookmark-option"          = "job-bookmark-disable" # days are addressed by date, not by what was seen
  }

  depends_on = [aws_cloudwatch_log_group.jobs]
}
