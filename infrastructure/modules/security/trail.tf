# Audit trail: management calls, and reads and writes of raw files and results (they hold personal data).

resource "aws_cloudtrail" "this" {
  # checkov:skip=CKV_AWS_252:the trail is read when something happened; alarms come from CloudWatch
  # checkov:skip=CKV2_AWS_10:kept in S3 under the environment's key; a copy in CloudWatch doubles the cost of data events
  # checkov:skip=CKV_AWS_67:one region by design; the organisation's trail covers the others
  count = var.cloudtrail ? 1 : 0

  name                          = var.cloudtrail_name
  s3_bucket_name                = var.logs_bucket_ready
  s3_key_prefix                 = "cloudtrail"
  kms_key_id                    = aws_kms_key.this.arn
  enable_log_file_validation    = true
  include_global_service_events = true
  is_multi_region_trail         = false

  advanced_event_selector {
    name = "management"

    field_selector {
      field  = "eventCategory"
      equals = ["Management"]
    }
  }

  advanced_event_selector {
    name = "data-lake"

    field_selector {
      field  = "eventCategory"
      equals = ["Data"]
    }

    field_selector {
      field  = "resources.type"
      equals = ["AWS::S3::Object"]
    }

    field_selector {
      field       = "resources.ARN"
      starts_with = ["${local.arn["raw"]}/", "${local.arn["processed"]}/"]
    }
  }
}

resource "aws_budgets_budget" "this" {
  name         = local.global
  budget_type  = "COST"
  limit_amount = tostring(var.monthly_budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:Environment$%s", var.env)]
  }

  notification {
    comparison_operator        = "GREATER_THAN"
    notification_type          = "ACTUAL"
    threshold                  = 80
    threshold_type             = "PERCENTAGE"
    subscriber_email_addresses = [var.alert_email]
  }

  notification {
    comparison_operator        = "GREATER_THAN"
    notification_type          = "FORECASTED"
    threshold                  = 100
    threshold_type             = "PERCENTAGE"
    subscriber_email_addresses = [var.alert_email]
  }
}
