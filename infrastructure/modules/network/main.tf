# Private subnets in three zones. Nothing here has a public address except NAT gateways where they are asked for.

locals {
  # Endpoints that Glue and Redshift need in every deployment: data and secrets never leave the AWS network.
  base_endpoints = ["glue", "secretsmanager", "logs", "sts"]
  # Further endpoints that MWAA needs when there is no NAT gateway. monitoring, sqs, kms, ecr: its workers; sns, email-smtp:
  # alerts; redshift: temporary database credentials.
  isolated_endpoints = [
    "airflow.api", "airflow.env", "airflow.ops", "ecr.api", "ecr.dkr", "email-smtp", "kms", "monitoring", "sns", "sqs",
    var.serverless ? "redshift-serverless" : "redshift",
  ]
  endpoints = toset(var.nat_gateways == 0 ? concat(local.base_endpoints, local.isolated_endpoints) : local.base_endpoints)

  # /16 gives /20 private and /24 public subnets; smaller VPCs scale down with it.
  private_cidrs = [for index in range(3) : cidrsubnet(var.vpc_cidr, 4, index)]
  public_cidrs  = [for index in range(3) : cidrsubnet(var.vpc_cidr, 8, 240 + index)]
}

resource "aws_vpc" "this" {
  cidr_block           = var.vpc_cidr
  enable_dns_support   = true
  enable_dns_hostnames = true # private DNS of the endpoints

  tags = { Name = var.prefix }
}

# Whatever forgets to name a security group gets one that allows nothing.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.prefix}-default-closed" }
}

resource "aws_subnet" "private" {
  count = 3

  vpc_id                  = aws_vpc.this.id
  cidr_block              = local.private_cidrs[count.index]
  availability_zone       = var.availability_zones[count.index]
  map_public_ip_on_launch = false

  tags = { Name = "${var.prefix}-private-${var.availability_zones[count.index]}" }
}

resource "aws_route_table" "private" {
  count = 3

  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.prefix}-private-${var.availability_zones[count.index]}" }
}

resource "aws_route_table_association" "private" {
  count = 3

  subnet_id      = aws_subnet.private[count.index].id
  route_table_id = aws_route_table.private[count.index].id
}

# --- NAT, only where asked for ------------------------------------------------------------------------------------

resource "aws_internet_gateway" "this" {
  count = var.nat_gateways > 0 ? 1 : 0

  vpc_id = aws_vpc.this.id
  tags   = { Name = var.prefix }
}

resource "aws_subnet" "public" {
  count = var.nat_gateways

  vpc_id                  = aws_vpc.this.id
  cidr_block              = local.public_cidrs[count.index]
  availability_zone       = var.availability_zones[count.index]
  map_public_ip_on_launch = false

  tags = { Name = "${var.prefix}-nat-${var.availability_zones[count.index]}" }
}

resource "aws_route_table" "public" {
  count = var.nat_gateways > 0 ? 1 : 0

  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.prefix}-nat" }
}

resource "aws_route" "internet" {
  count = var.nat_gateways > 0 ? 1 : 0

  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_route_table_association" "public" {
  count = var.nat_gateways

  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_eip" "nat" {
  # checkov:skip=CKV2_AWS_19:belongs to a NAT gateway, not to an instance
  count = var.nat_gateways

  domain = "vpc"
  tags   = { Name = "${var.prefix}-nat-${count.index}" }
}

resource "aws_nat_gateway" "this" {
  count = var.nat_gateways

  allocation_id = aws_eip.nat[count.index].id
  subnet_id     = aws_subnet.public[count.index].id
  tags          = { Name = "${var.prefix}-${var.availability_zones[count.index]}" }

  depends_on = [aws_internet_gateway.this]
}

resource "aws_route" "nat" {
  count = var.nat_gateways > 0 ? 3 : 0

  route_table_id         = aws_route_table.private[count.index].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[min(count.index, var.nat_gateways - 1)].id
}

# --- endpoints ----------------------------------------------------------------------------------------------------

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = aws_route_table.private[*].id

  # The one door out of the isolated network: AWS's own buckets (Glue's libraries, image layers) may be read through it,
  # but nothing is written to a bucket of another account.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Read", Effect = "Allow", Principal = "*", Action = ["s3:Get*", "s3:List*"], Resource = "*" },
      {
        Sid       = "OwnAccount"
        Effect    = "Allow"
        Principal = "*"
        Action    = "s3:*"
        Resource  = "*"
        Condition = { StringEquals = { "aws:ResourceAccount" = var.account_id } }
      },
    ]
  })

  tags = { Name = "${var.prefix}-s3" }
}

resource "aws_vpc_endpoint" "interface" {
  for_each = local.endpoints

  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = slice(aws_subnet.private[*].id, 0, var.endpoint_zones)
  security_group_ids  = [aws_security_group.endpoints.id]

  tags = { Name = "${var.prefix}-${each.key}" }
}

# --- flow logs ----------------------------------------------------------------------------------------------------

resource "aws_cloudwatch_log_group" "flow" {
  # checkov:skip=CKV_AWS_338:dev keeps logs for a month by choice; prod passes 400 days
  name              = "/${var.prefix}/vpc-flow"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_iam_role" "flow" {
  name        = "${var.prefix}${var.iam_suffix}-vpc-flow"
  description = "VPC flow logs write to their log group"

  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "vpc-flow-logs.amazonaws.com" } # sends the account: flow-logs-iam-role.html
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "flow" {
  name = "write-flow-logs"
  role = aws_iam_role.flow.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
      Resource = "${aws_cloudwatch_log_group.flow.arn}:*"
    }]
  })
}

resource "aws_flow_log" "this" {
  vpc_id               = aws_vpc.this.id
  traffic_type         = "REJECT" # refused connections show an attack or a missing rule
  log_destination_type = "cloud-watch-logs"
  log_destination      = aws_cloudwatch_log_group.flow.arn
  iam_role_arn         = aws_iam_role.flow.arn

  tags = { Name = var.prefix }
}
