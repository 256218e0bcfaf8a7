"""From recorded bars to a training run: labels, purged walk-forward, models, their evidence (`mooring[research]`)."""
