output "buckets" {
  description = "Bucket names by purpose, known once the buckets exist."
  value       = { for purpose, bucket in aws_s3_bucket.this : purpose => bucket.id }
}

output "arns" {
  description = "Bucket ARNs by purpose."
  value       = { for purpose, bucket in aws_s3_bucket.this : purpose => bucket.arn }
}

output "logs_ready" {
  description = "The logs bucket once its policy lets AWS services write to it."
  value       = aws_s3_bucket_policy.this["logs"].bucket
}

output "replica_bucket" {
  description = "Bucket with the copy of the raw files, null without replication."
  value       = one(aws_s3_bucket.replica[*].id)
}
