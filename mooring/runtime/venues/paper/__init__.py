"""The paper venue: simulated fills on the next bar, never better than the market would have given."""
