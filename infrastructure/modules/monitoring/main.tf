# One topic, alarms that each name a runbook, and four dashboards.

resource "aws_sns_topic" "alerts" {
  name              = "${var.prefix}-alerts"
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_policy" "alerts" {
  arn = aws_sns_topic.alerts.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Alarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alerts.arn
        Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
      },
      {
        # No condition: EventBridge sends SNS no value that a condition could test, and a condition would silently drop every
        # event (docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html).
        Sid       = "Events"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alerts.arn
      },
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alerts.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "email" {
  topic_arn = aws_sns_topic.alerts.arn
  protocol  = "email"
  endpoint  = var.alert_email
}

# --- what Glue says about failed runs -----------------------------------------------------------------------------

resource "aws_cloudwatch_event_rule" "glue_failures" {
  name        = "${var.prefix}-glue-failures"
  description = "Job runs and crawls that ended in anything but success, also those started by hand"

  event_pattern = jsonencode({
    source      = ["aws.glue"]
    detail-type = ["Glue Job State Change", "Glue Crawler State Change"]
    detail = {
      "$or" = [
        { jobName = var.jobs, state = ["FAILED", "TIMEOUT", "ERROR"] },
        { crawlerName = [var.crawler], state = ["Failed"] },
      ]
    }
  })
}

resource "aws_cloudwatch_event_target" "glue_failures" {
  rule = aws_cloudwatch_event_rule.glue_failures.name
  arn  = aws_sns_topic.alerts.arn
}

# --- alarms -------------------------------------------------------------------------------------------------------

locals {
  redshift_dimensions = { ClusterIdentifier = var.cluster }
  airflow_dimensions  = { Environment = var.prefix }

  alarms = merge(
    {
      # Missing data breaks the alarm: ecommerce_dwh_freshness sends the age every hour, so silence is a dead scheduler
      # (or that DAG paused). A cluster that is paused at night is asked while it is up only (option warehouse_hours), so the
      # silence of a night is none.
      stale = {
        namespace  = "EcommerceDWH", metric = "PublishedLagHours", statistic = "Maximum", dimensions = { Environment = var.env }
        comparison = "GreaterThanThreshold", threshold = var.max_lag_hours, missing = "breaching"
        period     = var.cluster_sleeps ? 86400 : 3600, periods = var.cluster_sleeps ? 2 : 3
        says       = "Analytics are stale: nothing was published lately, or nobody says so. Runbook: analytics-stale."
      }
      # Watches the path of the other alarms: an event about a failure of Glue did not reach the topic.
      events-undelivered = {
        namespace  = "AWS/Events", metric = "FailedInvocations", statistic = "Sum", dimensions = { RuleName = aws_cloudwatch_event_rule.glue_failures.name }
        comparison = "GreaterThanThreshold", threshold = 0, period = 300, periods = 1, missing = "notBreaching"
        says       = "A failure of Glue could not be mailed. Runbook: events-undelivered."
      }
    },
    var.provisioned ? {
      redshift-health = {
        namespace  = "AWS/Redshift", metric = "HealthStatus", statistic = "Minimum", dimensions = local.redshift_dimensions
        comparison = "LessThanThreshold", threshold = 1, period = 300, periods = 3, missing = var.cluster_sleeps ? "notBreaching" : "breaching"
        says       = "The warehouse is unhealthy or away. Runbook: redshift-unhealthy."
      }
      redshift-disk = {
        namespace  = "AWS/Redshift", metric = "PercentageDiskSpaceUsed", statistic = "Maximum", dimensions = local.redshift_dimensions
        comparison = "GreaterThanThreshold", threshold = 80, period = 900, periods = 2, missing = "notBreaching"
        says       = "The warehouse's disk is over 80 % full. Runbook: redshift-full."
      }
      redshift-cpu = {
        namespace  = "AWS/Redshift", metric = "CPUUtilization", statistic = "Average", dimensions = local.redshift_dimensions
        comparison = "GreaterThanThreshold", threshold = 95, period = 900, periods = 4, missing = "notBreaching"
        says       = "The warehouse has been busy for an hour. Runbook: redshift-slow."
      }
      } : {
      redshift-capacity = {
        namespace  = "AWS/Redshift-Serverless", metric = "ComputeCapacity", statistic = "Maximum", dimensions = { Workgroup = var.cluster }
        comparison = "GreaterThanThreshold", threshold = 4 * var.serverless_rpu, period = 900, periods = 4, missing = "notBreaching"
        says       = "The warehouse has worked at four times its base capacity for an hour. Runbook: redshift-slow."
      }
    },
    var.airflow_enabled ? {
      airflow-scheduler = {
        namespace  = "AmazonMWAA", metric = "SchedulerHeartbeat", statistic = "Sum", dimensions = merge(local.airflow_dimensions, { Function = "Scheduler" })
        comparison = "LessThanThreshold", threshold = 1, period = 300, periods = 3, missing = "breaching"
        says       = "Airflow's scheduler is silent. Runbook: airflow-silent."
      }
      airflow-import-errors = {
        namespace  = "AmazonMWAA", metric = "ImportErrors", statistic = "Maximum", dimensions = merge(local.airflow_dimensions, { Function = "DAG Processing" })
        comparison = "GreaterThanThreshold", threshold = 0, period = 300, periods = 3, missing = "notBreaching"
        says       = "A DAG file cannot be imported. Runbook: airflow-import-error."
      }
    } : {},
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.prefix}-${each.key}"
  alarm_description   = each.value.says
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  dimensions          = each.value.dimensions
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]
}
