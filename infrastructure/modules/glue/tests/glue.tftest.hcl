mock_provider "aws" {
  source = "../../mocks"
}

variables {
  prefix  = "ecommerce-dwh-dev"
  env     = "dev"
  region  = "ap-south-1"
  sources = ["orders", "order_items"]
  buckets = {
    raw       = "ecommerce-dwh-dev-raw"
    processed = "ecommerce-dwh-dev-processed"
    scripts   = "ecommerce-dwh-dev-scripts"
    logs      = "ecommerce-dwh-dev-logs"
  }
  kms_key_arn = "arn:aws:kms:ap-south-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  role_arns = {
    crawler         = "arn:aws:iam::123456789012:role/crawler"
    data_processing = "arn:aws:iam::123456789012:role/processing"
    data_quality    = "arn:aws:iam::123456789012:role/quality"
    data_erasure    = "arn:aws:iam::123456789012:role/erasure"
  }
  subnets           = { ap-south-1b = "subnet-22222222", ap-south-1a = "subnet-11111111" }
  security_group_id = "sg-11111111"
  jobs = {
    data_processing = { worker_type = "G.1X", max_workers = 4, timeout_minutes = 120, execution_class = "FLEX" }
    data_quality    = { worker_type = "G.1X", max_workers = 2, timeout_minutes = 60, execution_class = "STANDARD" }
    data_erasure    = { worker_type = "G.1X", max_workers = 2, timeout_minutes = 60, execution_class = "STANDARD" }
  }
  log_retention_days = 30
}

run "jobs_run_glue_5_1_in_the_vpc_encrypted" {
  assert {
    condition = alltrue([
      for job in aws_glue_job.this :
      job.glue_version == "5.1" && job.connections == tolist(["ecommerce-dwh-dev-vpc-ap-south-1a", "ecommerce-dwh-dev-vpc-ap-south-1b"]) && job.security_configuration == "ecommerce-dwh-dev" && job.max_retries == 0
    ])
    error_message = "Glue 5.1, private network, encrypted, and Airflow does the retries."
  }

  assert {
    condition     = alltrue([for job in aws_glue_job.this : job.default_arguments["--enable-auto-scaling"] == "true"])
    error_message = "Workers scale with the work."
  }

  assert {
    condition     = length(distinct([for job in aws_glue_job.this : job.role_arn])) == 3
    error_message = "Each job has a role of its own."
  }
}

run "logs_do_not_stay_for_ever" {
  assert {
    condition = toset([for group in aws_cloudwatch_log_group.jobs : group.name]) == toset([
      "/aws-glue/jobs/ecommerce-dwh-dev/ecommerce-dwh-dev-role/processing/error",
      "/aws-glue/jobs/ecommerce-dwh-dev/ecommerce-dwh-dev-role/processing/output",
      "/aws-glue/jobs/ecommerce-dwh-dev/ecommerce-dwh-dev-role/quality/error",
      "/aws-glue/jobs/ecommerce-dwh-dev/ecommerce-dwh-dev-role/quality/output",
      "/aws-glue/jobs/ecommerce-dwh-dev/ecommerce-dwh-dev-role/erasure/error",
      "/aws-glue/jobs/ecommerce-dwh-dev/ecommerce-dwh-dev-role/erasure/output",
      "/aws-glue/crawlers-role/crawler-ecommerce-dwh-dev",
    ])
    error_message = "The groups that Glue would make exist before it does."
  }

  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.jobs : group.retention_in_days == 30 && group.kms_key_id == var.kms_key_arn])
    error_message = "Logs end, and are encrypted with the environment's key."
  }

  assert {
    condition     = alltrue([for job in aws_glue_job.this : job.default_arguments["--custom-logGroup-prefix"] == "/aws-glue/jobs/ecommerce-dwh-dev"])
    error_message = "The jobs write where the groups are."
  }
}

run "the_crawler_sees_corrected_days" {
  assert {
    condition     = aws_glue_crawler.raw.recrawl_policy[0].recrawl_behavior == "CRAWL_EVERYTHING" && length(aws_glue_crawler.raw.s3_target) == 2
    error_message = "Late and corrected files arrive in folders that were crawled before."
  }
}

run "a_job_needs_two_workers" {
  command = plan

  variables {
    jobs = {
      data_processing = { worker_type = "G.1X", max_workers = 1, timeout_minutes = 120, execution_class = "FLEX" }
      data_quality    = { worker_type = "G.1X", max_workers = 2, timeout_minutes = 60, execution_class = "STANDARD" }
      data_erasure    = { worker_type = "G.1X", max_workers = 2, timeout_minutes = 60, execution_class = "STANDARD" }
    }
  }

  expect_failures = [var.jobs]
}

run "no_sources_no_crawler" {
  command = plan

  variables {
    sources = []
  }

  expect_failures = [var.sources]
}
