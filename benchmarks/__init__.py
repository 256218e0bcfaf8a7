"""What Mooring promises about speed, measured: `python -m benchmarks [NAME ...] [--json]`."""
