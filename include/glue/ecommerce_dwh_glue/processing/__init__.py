"""The processing job: from the raw files of a window to accepted and quarantined Parquet, ledger and manifests."""
