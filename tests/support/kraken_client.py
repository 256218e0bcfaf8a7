"""What the tests of Kraken's client are made of: a key that opens nothing, a clock that is moved, two pairs."""

from __future__ import annotations

import base64

from mooring.runtime.market.clock import ManualClock
from mooring.runtime.venues.kraken.names import Pair, read_pairs
from mooring.runtime.venues.kraken.nonce import Nonces
from mooring.runtime.venues.kraken.signing import ApiKey

KEY = "PublicPartOfAKeyThatOpensNothing"
SECRET = base64.b64encode(b"s" * 64).decode()
CLIENT_ID = "6d1b345e-2821-40e2-ad83-4ecb18a06876"
OTHER_ID = "da8e4ad5-9b78-481c-93e5-89746b0cf91f"
NOW = 1_700_000_000


def api_key() -> ApiKey:
    return ApiKey.of(KEY, SECRET)


def clock() -> ManualClock:
    return ManualClock(NOW)


class MemoryNonces:
    """Nonces of one process that nobody kills."""

    def load(self) -> int:
        return 0

    def reserve(self, upto: int) -> None:
        assert upto > 0


def nonces(start: int = NOW * 1_000_000) -> Nonces:
    return Nonces(MemoryNonces(), lambda: start)


def pair(altname: str = "XBTUSD", **more) -> Pair:
    raw = {
        "altname": altname,
        "wsname": f"{altname[:3]}/{altname[3:]}",
        "base": "XXBT",
        "quote": "ZUSD",
        "pair_decimals": 1,
        "lot_decimals": 8,
        "cost_decimals": 5,
        "ordermin": "0.00005",
        "costmin": "0.5",
        "tick_size": "0.1",
    }
    name = "XXBTZUSD" if altname == "XBTUSD" else altname
    return read_pairs({name: raw | more})[0]
