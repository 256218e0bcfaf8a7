"""Backtest and, in time, sweeps, walk-forward and training (the extra `mooring[research]`)."""
