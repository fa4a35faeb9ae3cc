# Allowed connections. Every rule names a group or a port; no inbound rule is open to the world.

locals {
  # Groups whose members call AWS APIs over HTTPS.
  callers = {
    glue     = aws_security_group.glue.id
    mwaa     = aws_security_group.mwaa.id
    redshift = aws_security_group.redshift.id
  }
}

resource "aws_security_group" "endpoints" {
  name        = "${var.prefix}-endpoints"
  description = "Interface endpoints: HTTPS and SMTP from inside the VPC"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.prefix}-endpoints" }
}

resource "aws_security_group" "glue" {
  # checkov:skip=CKV2_AWS_5:attached by Glue to the network interfaces of its jobs
  name        = "${var.prefix}-glue"
  description = "Glue jobs: talk among themselves and to AWS APIs"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.prefix}-glue" }
}

resource "aws_security_group" "mwaa" {
  # checkov:skip=CKV2_AWS_5:attached by MWAA to the network interfaces of its workers
  name        = "${var.prefix}-mwaa"
  description = "Airflow: talks among itself, to Redshift and to AWS APIs"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.prefix}-mwaa" }
}

resource "aws_security_group" "redshift" {
  # checkov:skip=CKV2_AWS_5:attached to the cluster or workgroup in the redshift module
  name        = "${var.prefix}-redshift"
  description = "Redshift: port 5439 from Airflow and BI networks"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.prefix}-redshift" }
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  for_each = toset(["443", "587"])

  security_group_id = aws_security_group.endpoints.id
  description       = "Port ${each.key} from the VPC"
  cidr_ipv4         = aws_vpc.this.cidr_block
  ip_protocol       = "tcp"
  from_port         = tonumber(each.key)
  to_port           = tonumber(each.key)
}

# Glue and MWAA require a group that trusts itself.
resource "aws_vpc_security_group_ingress_rule" "among_themselves" {
  for_each = { for name, id in local.callers : name => id if name != "redshift" }

  security_group_id            = each.value
  description                  = "Members of the group among themselves"
  referenced_security_group_id = each.value
  ip_protocol                  = "-1"
}

resource "aws_vpc_security_group_egress_rule" "among_themselves" {
  for_each = { for name, id in local.callers : name => id if name != "redshift" }

  security_group_id            = each.value
  description                  = "Members of the group among themselves"
  referenced_security_group_id = each.value
  ip_protocol                  = "-1"
}

resource "aws_vpc_security_group_egress_rule" "endpoints" {
  for_each = local.callers

  security_group_id            = each.value
  description                  = "AWS APIs through the interface endpoints"
  referenced_security_group_id = aws_security_group.endpoints.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  for_each = local.callers

  security_group_id = each.value
  description       = "S3 through the gateway endpoint"
  prefix_list_id    = aws_vpc_endpoint.s3.prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# Without endpoints for everything, HTTPS and mail go out through NAT.
resource "aws_vpc_security_group_egress_rule" "internet" {
  for_each = var.nat_gateways == 0 ? {} : {
    glue-443 = { group = aws_security_group.glue.id, port = 443 }
    mwaa-443 = { group = aws_security_group.mwaa.id, port = 443 }
    mwaa-587 = { group = aws_security_group.mwaa.id, port = 587 }
  }

  security_group_id = each.value.group
  description       = "Port ${each.value.port} by NAT"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "mail" {
  security_group_id            = aws_security_group.mwaa.id
  description                  = "Mail through the SES endpoint"
  referenced_security_group_id = aws_security_group.endpoints.id
  ip_protocol                  = "tcp"
  from_port                    = 587
  to_port                      = 587
}

resource "aws_vpc_security_group_egress_rule" "mwaa_to_redshift" {
  security_group_id            = aws_security_group.mwaa.id
  description                  = "Redshift"
  referenced_security_group_id = aws_security_group.redshift.id
  ip_protocol                  = "tcp"
  from_port                    = 5439
  to_port                      = 5439
}

resource "aws_vpc_security_group_ingress_rule" "redshift_from_mwaa" {
  security_group_id            = aws_security_group.redshift.id
  description                  = "Airflow"
  referenced_security_group_id = aws_security_group.mwaa.id
  ip_protocol                  = "tcp"
  from_port                    = 5439
  to_port                      = 5439
}

resource "aws_vpc_security_group_ingress_rule" "redshift_from_bi" {
  for_each = toset(var.bi_cidrs)

  security_group_id = aws_security_group.redshift.id
  description       = "BI tools"
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 5439
  to_port           = 5439
}

# A private web server is reached through endpoints that MWAA puts into the VPC with the environment's own group
# (docs.aws.amazon.com/mwaa/latest/userguide/vpc-vpe-access.html), so a connection from a VPN passes this group.
resource "aws_vpc_security_group_ingress_rule" "ui" {
  for_each = toset(var.ui_cidrs)

  security_group_id = aws_security_group.mwaa.id
  description       = "Airflow's web server"
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "mwaa_to_shop" {
  for_each = toset(var.shop_cidrs)

  security_group_id = aws_security_group.mwaa.id
  description       = "The shop's PostgreSQL"
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 5432
  to_port           = 5432
}
