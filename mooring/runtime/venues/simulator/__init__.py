"""A Kraken look-alike for tests and rehearsals: the same REST and WebSocket v2 on this machine, without money.

Layers, each of which knows only those above it: `exchange` (accounts, orders, matching; no clock, no I/O), `market`
(prices), `venue` (both, with faults, in one time), `rest_api` and `ws_api` (what is said), `server` (sockets) and
`transport` (the same without sockets). Money is whole numbers: prices in ticks, quantities in lots, balances in the
ledger's smallest unit of their asset.
"""
