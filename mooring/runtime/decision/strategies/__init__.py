"""Strategies: each turns the signals of one symbol into a wish that risk may refuse.

A strategy is a module with `NAME`, `params(options, producers)`, `init_state(symbols, params)` and
`step(state, params, inputs, features, signals, symbol, held, wish)`; it is found through the entry point group
`mooring.strategies`. `held` says that more than dust is held; `wish` is an int64 row, columns `types.WISH_NAMES`.
"""
