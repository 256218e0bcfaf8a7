"""The evidence store: append-only tables, one writer, a chain of hashes, and its check.

`store.Store` writes, `reader.Reader` reads, `verify.verify` proves. Amounts are integers (int64); `hour_ts_utc` is the
close of the hour in UTC unix seconds.
"""
