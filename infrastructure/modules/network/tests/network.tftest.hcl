mock_provider "aws" {
  source = "../../mocks"
}

variables {
  prefix             = "ecommerce-dwh-dev"
  region             = "ap-south-1"
  vpc_cidr           = "10.40.0.0/16"
  availability_zones = ["ap-south-1a", "ap-south-1b", "ap-south-1c"]
  nat_gateways       = 0
  endpoint_zones     = 3
  bi_cidrs           = ["10.0.0.0/8"]
  kms_key_arn        = "arn:aws:kms:ap-south-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  log_retention_days = 30
  account_id         = "123456789012"

  permissions_boundary_arn = "arn:aws:iam::123456789012:policy/ecommerce-dwh-dev-boundary"
}

run "three_private_subnets_and_no_way_out" {
  assert {
    condition     = length(distinct(aws_subnet.private[*].availability_zone)) == 3 && !anytrue(aws_subnet.private[*].map_public_ip_on_launch)
    error_message = "Three private subnets in three zones."
  }

  assert {
    condition     = length(aws_internet_gateway.this) == 0 && length(aws_route.nat) == 0 && length(aws_subnet.public) == 0
    error_message = "Without NAT there is no route to the internet."
  }

  assert {
    condition     = length(setsubtract(["glue", "secretsmanager", "logs", "sts"], output.endpoints)) == 0 && aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway"
    error_message = "S3, Glue, Secrets Manager, logs and STS are reached through endpoints."
  }

  assert {
    condition     = length(setsubtract(["airflow.api", "airflow.env", "airflow.ops", "sqs", "monitoring", "kms", "ecr.api", "ecr.dkr", "redshift", "sns"], output.endpoints)) == 0
    error_message = "Airflow works without the internet."
  }
}

run "a_workgroup_gives_credentials_through_its_own_endpoint" {
  variables {
    serverless = true
  }

  assert {
    condition     = contains(output.endpoints, "redshift-serverless") && !contains(output.endpoints, "redshift")
    error_message = "Credentials come from redshift-serverless then."
  }
}

run "nothing_is_open_to_the_world" {
  assert {
    condition = alltrue([
      for rule in concat(values(aws_vpc_security_group_ingress_rule.endpoints), values(aws_vpc_security_group_ingress_rule.redshift_from_bi)) :
      rule.cidr_ipv4 != "0.0.0.0/0"
    ])
    error_message = "No group lets the world in."
  }

  assert {
    condition     = length(aws_vpc_security_group_egress_rule.internet) == 0
    error_message = "Without NAT nothing is allowed out either."
  }

  assert {
    condition     = alltrue([for rule in values(aws_vpc_security_group_ingress_rule.redshift_from_bi) : rule.from_port == 5439 && rule.to_port == 5439])
    error_message = "BI tools reach Redshift's port only."
  }

  assert {
    condition     = length(aws_default_security_group.closed.ingress) == 0 && length(aws_default_security_group.closed.egress) == 0
    error_message = "The default group allows nothing."
  }
}

run "nothing_is_written_to_a_bucket_of_another_account" {
  assert {
    condition = alltrue([
      for statement in jsondecode(aws_vpc_endpoint.s3.policy).Statement :
      try(statement.Condition.StringEquals["aws:ResourceAccount"], "") == "123456789012" || alltrue([
        for action in flatten([statement.Action]) : can(regex("^s3:(Get|List)", action))
      ])
    ])
    error_message = "Through the S3 endpoint goes reading, and writing to this account only."
  }

  assert {
    condition     = aws_iam_role.flow.permissions_boundary == var.permissions_boundary_arn && strcontains(aws_iam_role.flow.assume_role_policy, "aws:SourceAccount")
    error_message = "The flow log role serves this account, within the boundary."
  }
}

run "one_nat_gateway_serves_three_zones" {
  variables {
    nat_gateways = 1
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route.nat) == 3 && length(output.endpoints) == 4
    error_message = "One gateway, a route in each zone, and only the base endpoints."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_egress_rule.internet : contains([443, 587], rule.to_port)])
    error_message = "Out goes HTTPS and mail, nothing else."
  }
}

run "airflow_reaches_the_shop_and_no_more" {
  variables {
    shop_cidrs = ["10.20.0.0/16"]
  }

  assert {
    condition     = alltrue([for rule in values(aws_vpc_security_group_egress_rule.mwaa_to_shop) : rule.from_port == 5432 && rule.to_port == 5432 && rule.cidr_ipv4 == "10.20.0.0/16"])
    error_message = "Ingestion reaches the shop's PostgreSQL on its port."
  }
}

run "the_world_is_no_bi_network" {
  command = plan

  variables {
    bi_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.bi_cidrs]
}

run "two_zones_are_too_few" {
  command = plan

  variables {
    availability_zones = ["ap-south-1a", "ap-south-1b"]
  }

  expect_failures = [var.availability_zones]
}

run "a_tiny_network_is_refused" {
  command = plan

  variables {
    vpc_cidr = "10.40.0.0/24"
  }

  expect_failures = [var.vpc_cidr]
}

run "two_nat_gateways_are_refused" {
  command = plan

  variables {
    nat_gateways = 2
  }

  expect_failures = [var.nat_gateways]
}

run "the_web_server_is_reached_from_the_vpn_alone" {
  variables {
    ui_cidrs = ["10.8.0.0/16"]
  }

  assert {
    condition = alltrue([
      for rule in aws_vpc_security_group_ingress_rule.ui : rule.from_port == 443 && rule.to_port == 443 && rule.cidr_ipv4 == "10.8.0.0/16" && rule.security_group_id == aws_security_group.mwaa.id
    ]) && length(aws_vpc_security_group_ingress_rule.ui) == 1
    error_message = "People come to Airflow's web server on port 443 from the ranges that were named."
  }
}

run "the_web_server_is_not_for_the_whole_internet" {
  command = plan

  variables {
    ui_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.ui_cidrs]
}
