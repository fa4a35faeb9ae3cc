output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "private_subnet_ids" {
  description = "Private subnets, one per zone, in the order of the zones."
  value       = aws_subnet.private[*].id
}

output "security_group_ids" {
  description = "Security groups by who wears them: endpoints, glue, mwaa, redshift."
  value       = merge(local.callers, { endpoints = aws_security_group.endpoints.id })
}

output "endpoints" {
  description = "AWS services that are reached through interface endpoints."
  value       = sort(tolist(local.endpoints))
}

output "private_route_table_ids" {
  description = "Route tables of the private subnets."
  value       = aws_route_table.private[*].id
}
