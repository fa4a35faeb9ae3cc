# Dashboards: metrics in the order in which a night goes.

locals {
  cluster_widgets = [
    { title = "Health", metrics = [["AWS/Redshift", "HealthStatus", "ClusterIdentifier", var.cluster]] },
    { title = "CPU, %", metrics = [["AWS/Redshift", "CPUUtilization", "ClusterIdentifier", var.cluster]] },
    { title = "Disk used, %", metrics = [["AWS/Redshift", "PercentageDiskSpaceUsed", "ClusterIdentifier", var.cluster]] },
    { title = "Connections", metrics = [["AWS/Redshift", "DatabaseConnections", "ClusterIdentifier", var.cluster]] },
    {
      title   = "Query duration, µs"
      metrics = [for latency in ["short", "medium", "long"] : ["AWS/Redshift", "QueryDuration", "ClusterIdentifier", var.cluster, "latency", latency]]
    },
    { title = "Queued queries", metrics = [["AWS/Redshift", "WLMQueueLength", "ClusterIdentifier", var.cluster, "service class", "100"]] },
  ]

  workgroup_widgets = [
    { title = "Capacity in use, RPU", metrics = [["AWS/Redshift-Serverless", "ComputeCapacity", "Workgroup", var.cluster]] },
    { title = "RPU seconds", metrics = [["AWS/Redshift-Serverless", "ComputeSeconds", "Workgroup", var.cluster]] },
    { title = "Connections", metrics = [["AWS/Redshift-Serverless", "DatabaseConnections", "Workgroup", var.cluster, "DatabaseName", var.database]] },
    { title = "Queries running and queued", metrics = [for metric in ["QueriesRunning", "QueriesQueued"] : ["AWS/Redshift-Serverless", metric, "Workgroup", var.cluster]] },
  ]

  # Each dashboard is a list of widgets: title, and metrics as CloudWatch writes them.
  dashboards = {
    pipeline = [
      { title = "Hours since the end of the published day", metrics = [["EcommerceDWH", "PublishedLagHours", "Environment", var.env]] },
      { title = "Duration of a run, seconds", metrics = [["EcommerceDWH", "RunDurationSeconds", "Environment", var.env]] },
      {
        title   = "Duration of each task, seconds"
        metrics = [[{ expression = "SEARCH('{EcommerceDWH,Environment,Task} MetricName=\"TaskDurationSeconds\" Environment=\"${var.env}\"', 'Average', 300)", id = "tasks" }]]
      },
      { title = "Rows loaded", metrics = [for source in var.sources : ["EcommerceDWH", "RowsLoaded", "Environment", var.env, "Source", source]] },
      { title = "Rows quarantined", metrics = [for source in var.sources : ["EcommerceDWH", "RowsQuarantined", "Environment", var.env, "Source", source]] },
      { title = "Quality rules failed", metrics = [for source in var.sources : ["EcommerceDWH", "RulesFailed", "Environment", var.env, "Source", source]] },
    ]
    glue = [
      { title = "Elapsed time, ms", metrics = [for job in var.jobs : ["Glue", "glue.driver.aggregate.elapsedTime", "JobName", job, "JobRunId", "ALL", "Type", "count"]] },
      { title = "Failed tasks", metrics = [for job in var.jobs : ["Glue", "glue.driver.aggregate.numFailedTasks", "JobName", job, "JobRunId", "ALL", "Type", "count"]] },
      { title = "Bytes read", metrics = [for job in var.jobs : ["Glue", "glue.ALL.s3.filesystem.read_bytes", "JobName", job, "JobRunId", "ALL", "Type", "gauge"]] },
      { title = "Executors in use", metrics = [for job in var.jobs : ["Glue", "glue.driver.ExecutorAllocationManager.executors.numberAllExecutors", "JobName", job, "JobRunId", "ALL", "Type", "gauge"]] },
      { title = "Driver memory in use", metrics = [for job in var.jobs : ["Glue", "glue.driver.jvm.heap.usage", "JobName", job, "JobRunId", "ALL", "Type", "gauge"]] },
    ]
    redshift = var.provisioned ? local.cluster_widgets : local.workgroup_widgets
    airflow = [
      { title = "Scheduler heartbeats", metrics = [["AmazonMWAA", "SchedulerHeartbeat", "Environment", var.prefix, "Function", "Scheduler"]] },
      {
        title   = "Tasks"
        metrics = [for metric in ["QueuedTasks", "RunningTasks"] : ["AmazonMWAA", metric, "Environment", var.prefix, "Function", "Executor"]]
      },
      {
        title   = "Task results"
        metrics = [for metric in ["TaskInstanceSuccesses", "TaskInstanceFailures"] : ["AmazonMWAA", metric, "Environment", var.prefix, "DAG", "All", "Task", "All"]]
      },
      { title = "Import errors", metrics = [["AmazonMWAA", "ImportErrors", "Environment", var.prefix, "Function", "DAG Processing"]] },
      { title = "Triggers", metrics = [["AmazonMWAA", "TriggersRunning", "Environment", var.prefix, "Function", "Trigger"]] },
    ]
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  for_each = local.dashboards

  dashboard_name = "${var.prefix}-${each.key}"
  dashboard_body = jsonencode({
    widgets = [
      for index, widget in each.value : {
        type   = "metric"
        x      = index % 2 * 12
        y      = floor(index / 2) * 6
        width  = 12
        height = 6
        properties = {
          title   = widget.title
          region  = var.region
          view    = "timeSeries"
          stat    = "Average"
          period  = 300
          metrics = widget.metrics
        }
      }
    ]
  })
}
