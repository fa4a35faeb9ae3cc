mock_provider "aws" {
  source = "../../mocks"
}

variables {
  prefix          = "ecommerce-dwh-dev"
  env             = "dev"
  region          = "ap-south-1"
  account_id      = "123456789012"
  kms_key_arn     = "arn:aws:kms:ap-south-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  alert_email     = "data-eng@company.com"
  sources         = ["orders", "order_items"]
  jobs            = ["ecommerce-dwh-dev-data-processing", "ecommerce-dwh-dev-data-quality"]
  crawler         = "ecommerce-dwh-dev-raw-data-crawler"
  cluster         = "ecommerce-dwh-dev-cluster"
  database        = "ecommerce_dwh_dev"
  provisioned     = true
  cluster_sleeps  = false
  airflow_enabled = true
  max_lag_hours   = 30
}

run "every_alarm_reaches_a_person" {
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_actions == toset([aws_sns_topic.alerts.arn]) && strcontains(alarm.alarm_description, "Runbook: ")])
    error_message = "Every alarm goes to the topic and names its runbook."
  }

  assert {
    condition     = aws_sns_topic_subscription.email.endpoint == "data-eng@company.com" && aws_sns_topic.alerts.kms_master_key_id == var.kms_key_arn
    error_message = "The topic mails the team, encrypted at rest."
  }
}

run "events_reach_the_topic" {
  # EventBridge gives SNS nothing to hold a condition against: with one, every event would be dropped unseen.
  assert {
    condition = length([
      for statement in jsondecode(aws_sns_topic_policy.alerts.policy).Statement : statement
      if try(statement.Principal.Service, "") == "events.amazonaws.com" && statement.Effect == "Allow" && !can(statement.Condition)
    ]) == 1
    error_message = "EventBridge publishes without a condition."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["events-undelivered"].dimensions["RuleName"] == aws_cloudwatch_event_rule.glue_failures.name
    error_message = "An event that could not be delivered is an alarm."
  }
}

run "the_pipeline_shows_how_long_each_task_takes" {
  assert {
    condition = one([
      for widget in jsondecode(aws_cloudwatch_dashboard.this["pipeline"].dashboard_body).widgets : widget.properties.metrics[0][0].expression
      if can(widget.properties.metrics[0][0].expression)
    ]) == "SEARCH('{EcommerceDWH,Environment,Task} MetricName=\"TaskDurationSeconds\" Environment=\"dev\"', 'Average', 300)"
    error_message = "Tasks are found by their metric, so a new task needs no change here."
  }
}

run "a_workgroup_has_its_own_metrics" {
  variables {
    provisioned = false
  }

  assert {
    condition     = !strcontains(aws_cloudwatch_dashboard.this["redshift"].dashboard_body, "ClusterIdentifier") && strcontains(aws_cloudwatch_dashboard.this["redshift"].dashboard_body, "AWS/Redshift-Serverless")
    error_message = "A serverless warehouse shows what it has: capacity, connections, queries."
  }

  assert {
    condition     = length([for name in keys(aws_cloudwatch_metric_alarm.this) : name if startswith(name, "redshift-")]) == 1
    error_message = "One alarm watches a workgroup."
  }
}

run "silence_is_an_alarm" {
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["stale"].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.this["redshift-health"].treat_missing_data == "breaching"
    error_message = "A pipeline that says nothing is broken."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["stale"].period * aws_cloudwatch_metric_alarm.this["stale"].evaluation_periods <= 4 * 3600
    error_message = "A dead scheduler is noticed within hours."
  }
}

run "a_paused_cluster_is_no_alarm" {
  variables {
    cluster_sleeps = true
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["redshift-health"].treat_missing_data == "notBreaching"
    error_message = "Dev's cluster sleeps at night."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["stale"].period * aws_cloudwatch_metric_alarm.this["stale"].evaluation_periods > 24 * 3600
    error_message = "The age is not sent while the cluster sleeps."
  }
}

run "four_dashboards" {
  assert {
    condition     = toset(keys(output.dashboard_urls)) == toset(["pipeline", "glue", "redshift", "airflow"])
    error_message = "Pipeline, Glue, Redshift and Airflow have a dashboard each."
  }
}
