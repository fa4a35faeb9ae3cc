output "topic_arn" {
  description = "Topic that every alarm goes to."
  value       = aws_sns_topic.alerts.arn
}

output "dashboard_urls" {
  description = "Dashboards in the console."
  value = {
    for name, dashboard in aws_cloudwatch_dashboard.this :
    name => "https://${var.region}.console.aws.amazon.com/cloudwatch/home?region=${var.region}#dashboards/dashboard/${dashboard.dashboard_name}"
  }
}
