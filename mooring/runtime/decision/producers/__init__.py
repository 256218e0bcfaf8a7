"""Producers: each reads the features of one symbol and says a direction with a conviction of 1 to 10.

A producer is a module with `NAME`, `params(options)`, `warmup_bars(params)`, `init_state(symbols, params)` and
`step(state, params, inputs, features, symbol, signal)`; it is found through the entry point group
`mooring.producers`. `state` is a (named) tuple of arrays, `features` the float64 matrix of `FEATURE_NAMES`,
`signal` the int64 row (direction, conviction, value_micro, reason) that the step fills in. One that is written
without `@compiled` works everywhere plain runs do. One with `READS_MODELS = True` finds in `inputs.models` what the
models of the active bundle said; where that is nothing it must say NO_MODEL or MODEL_FAULT, which holds back entries.
"""
