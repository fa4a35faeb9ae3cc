# The warehouse: an RA3 cluster, or a serverless workgroup (serverless.tf). Never public, always TLS, always encrypted.

locals {
  provisioned = var.deployment == "provisioned"
  serverless  = var.deployment == "serverless"
  cluster     = "${var.prefix}-cluster"
  log_types   = ["connectionlog", "userlog", "useractivitylog"]
}

resource "aws_redshift_subnet_group" "this" {
  count = local.provisioned ? 1 : 0

  name        = var.prefix
  description = "Private subnets of the warehouse"
  subnet_ids  = var.subnet_ids
}

resource "aws_redshift_parameter_group" "this" {
  count = local.provisioned ? 1 : 0

  name        = var.prefix
  family      = "redshift-1.0"
  description = "TLS only, statements logged, long queries bounded"

  parameter {
    name  = "require_ssl"
    value = "true"
  }

  parameter {
    name  = "enable_user_activity_logging"
    value = "true"
  }

  # Above the pipeline's longest step; ends what a person forgot.
  parameter {
    name  = "statement_timeout"
    value = "7200000"
  }

  parameter {
    name  = "auto_analyze"
    value = "true"
  }
}

resource "aws_redshift_cluster" "this" {
  # checkov:skip=CKV_AWS_71:audit logging is on through aws_redshift_logging below, the form that replaced the inline block
  count = local.provisioned ? 1 : 0

  cluster_identifier = local.cluster
  database_name      = var.database
  node_type          = var.node_type
  cluster_type       = var.nodes > 1 ? "multi-node" : "single-node"
  number_of_nodes    = var.nodes

  # Redshift makes the password, keeps it in Secrets Manager and rotates it every 30 days; it is in no
  # state file and no plan.
  master_username                   = var.admin
  manage_master_password            = true
  master_password_secret_kms_key_id = var.kms_key_arn

  cluster_subnet_group_name    = aws_redshift_subnet_group.this[0].name
  vpc_security_group_ids       = [var.security_group_id]
  publicly_accessible          = false
  enhanced_vpc_routing         = true # COPY reads S3 through the VPC's endpoint
  encrypted                    = true
  kms_key_id                   = var.kms_key_arn
  cluster_parameter_group_name = aws_redshift_parameter_group.this[0].name

  iam_roles            = [var.copy_role_arn]
  default_iam_role_arn = var.copy_role_arn

  automated_snapshot_retention_period = var.snapshot_days
  preferred_maintenance_window        = var.maintenance_window
  allow_version_upgrade               = true
  apply_immediately                   = false # changes wait for the maintenance window
  # Lets Redshift move the cluster to another zone without a new endpoint.
  availability_zone_relocation_enabled = true

  skip_final_snapshot = var.skip_final_snapshot
  # Named after the moment at which this cluster was planned: the last snapshot of the one before it may still be there.
  final_snapshot_identifier = var.skip_final_snapshot ? null : "${local.cluster}-final-${formatdate("YYYYMMDDhhmm", plantimestamp())}"

  lifecycle {
    # A restored or resized cluster keeps what the console set; changing these means a new cluster.
    ignore_changes = [snapshot_identifier, final_snapshot_identifier]
  }
}

resource "aws_cloudwatch_log_group" "audit" {
  # checkov:skip=CKV_AWS_338:dev keeps logs for a month by choice; prod passes 400 days
  # checkov:skip=CKV_AWS_158:encrypted with the environment's key below
  for_each = local.provisioned ? toset(local.log_types) : []

  name              = "/aws/redshift/cluster/${local.cluster}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_redshift_logging" "this" {
  count = local.provisioned ? 1 : 0

  cluster_identifier   = aws_redshift_cluster.this[0].id
  log_destination_type = "cloudwatch"
  log_exports          = local.log_types

  depends_on = [aws_cloudwatch_log_group.audit]
}

# --- snapshots ----------------------------------------------------------------------------------------------------

resource "aws_redshift_snapshot_schedule" "this" {
  count = local.provisioned ? 1 : 0

  identifier = var.prefix
  # Before the nightly run, so that a bad day can be taken back whole, and at the end of the working day.
  definitions   = ["cron(30 1 *)", "cron(0 14 *)"]
  force_destroy = var.skip_final_snapshot
}

resource "aws_redshift_snapshot_schedule_association" "this" {
  count = local.provisioned ? 1 : 0

  cluster_identifier  = aws_redshift_cluster.this[0].id
  schedule_identifier = aws_redshift_snapshot_schedule.this[0].id
}

resource "aws_redshift_snapshot_copy" "this" {
  count = local.provisioned && var.snapshot_copy != null ? 1 : 0

  cluster_identifier       = aws_redshift_cluster.this[0].id
  destination_region       = var.snapshot_copy.region
  snapshot_copy_grant_name = var.snapshot_copy.grant
  retention_period         = var.snapshot_copy.days
}

# --- cost of dev: paused outside working hours ----------------------------------------------------------------------

locals {
  # "01:30" to "cron(30 1 * * ? *)": Redshift takes cron expressions in UTC
  # (docs.aws.amazon.com/redshift/latest/APIReference/API_CreateScheduledAction.html).
  pause_cron = {
    for action, time in coalesce(var.pause_schedule, {}) :
    action => format("cron(%d %d * * ? *)", tonumber(split(":", time)[1]), tonumber(split(":", time)[0]))
  }
}

resource "aws_redshift_scheduled_action" "resume" {
  count = local.provisioned && var.pause_schedule != null ? 1 : 0

  name        = "${var.prefix}-resume"
  description = "Wakes the cluster before the nightly run"
  schedule    = local.pause_cron["resume"]
  iam_role    = var.scheduler_role_arn

  target_action {
    resume_cluster {
      cluster_identifier = aws_redshift_cluster.this[0].id
    }
  }
}

resource "aws_redshift_scheduled_action" "pause" {
  count = local.provisioned && var.pause_schedule != null ? 1 : 0

  name        = "${var.prefix}-pause"
  description = "Pauses the cluster when nobody needs it; storage is still paid"
  schedule    = local.pause_cron["pause"]
  iam_role    = var.scheduler_role_arn

  target_action {
    pause_cluster {
      cluster_identifier = aws_redshift_cluster.this[0].id
    }
  }
}
