"""FIFO lots, double-entry cash ledger, valuation."""
