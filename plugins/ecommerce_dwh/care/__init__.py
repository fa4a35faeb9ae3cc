"""Operations besides the daily run: weekly maintenance, replay of quarantined rows, and the preflight of a backfill."""
