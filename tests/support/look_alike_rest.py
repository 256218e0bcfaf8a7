"""A client of the look-alike that writes its requests by hand, and a comparison of JSON by shape."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
from typing import Any
from urllib.parse import urlencode

from mooring.runtime.venues.simulator.rest_api import Answer, Request
from mooring.runtime.venues.simulator.simulation import Simulation
from mooring.runtime.venues.simulator.venue import Config


class Client:
    """Calls a simulation's REST; time only passes when it is told to."""

    def __init__(self, simulation: Simulation | None = None, **config: Any) -> None:
        config = {"balances": {"USD": "100000", "BTC": "2"}, "tier": "pro"} | config
        self.simulation = simulation or Simulation(["BTC-USD", "SOL-USD"], config=Config(**config))
        self.venue = self.simulation.venue
        self.nonces = itertools.count(1)

    def public(self, name: str, **fields: Any) -> dict[str, Any]:
        return json.loads(self.get(f"/0/public/{name}", urlencode(fields)).body)

    def get(self, path: str, query: str = "") -> Answer:
        return self.simulation.rest.handle(Request(method="GET", path=path, query=query, headers={}))

    def send(self, name: str, *, as_json: bool = False, key: Any = None, sign: Any = None, **fields: Any) -> Answer:
        key = key or self.venue.key
        fields = {"nonce": str(next(self.nonces))} | fields
        body = (json.dumps(fields) if as_json else urlencode(fields)).encode()
        path = f"/0/private/{name}"
        inner = hashlib.sha256(fields["nonce"].encode() + body).digest()
        made = hmac.new(base64.b64decode(key.secret_text), path.encode() + inner, hashlib.sha512).digest()
        headers = {
            "api-key": key.public,
            "api-sign": sign or base64.b64encode(made).decode(),
            "content-type": "application/json" if as_json else "application/x-www-form-urlencoded",
        }
        return self.simulation.rest.handle(Request(method="POST", path=path, headers=headers, body=body))

    def private(self, name: str, **more: Any) -> dict[str, Any]:
        return json.loads(self.send(name, **more).body)

    def result(self, name: str, **more: Any) -> Any:
        said = self.private(name, **more)
        assert said["error"] == [], said
        return said["result"]

    def error(self, name: str, **more: Any) -> str:
        said = self.private(name, **more)
        assert "result" not in said
        (text,) = said["error"]
        return text

    def buy(self, volume: str = "0.01", **more: Any) -> str:
        fields = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": volume, "oflags": "fciq"} | more
        return self.result("AddOrder", **fields)["txid"][0]

    def price(self, per_mille: int) -> str:
        """A BTC price at so many thousandths of the last."""
        return f"{self.venue.market.last(self.venue.catalog.pairs['XXBTZUSD']) * per_mille // 1000 / 10:.1f}"


def shape(value: Any) -> Any:
    """JSON without its values: a set of type names, or keys of objects; all entries of a map or list are taken together."""
    if isinstance(value, dict):
        shapes = {key: shape(one) for key, one in value.items()}
        if value and not any(key[:1].islower() for key in value):
            return {"<id>": merged(list(shapes.values()))}
        return {"<id>" if key.isupper() and len(key) > 2 else key: one for key, one in shapes.items()}
    if isinstance(value, list) and value and all(isinstance(one, list) for one in value):
        return [{f"#{n}": merged([shape(one) for one in column]) for n, column in enumerate(zip(*value, strict=True))}]
    if isinstance(value, list):
        return [merged([shape(one) for one in value])] if value else []
    return {type(value).__name__}


def merged(shapes: list[Any]) -> Any:
    """What any of the shapes has."""
    if all(isinstance(one, set) for one in shapes):
        return set().union(*shapes)
    if all(isinstance(one, dict) for one in shapes):
        keys = dict.fromkeys(key for one in shapes for key in one)
        return {key: merged([one[key] for one in shapes if key in one]) for key in keys}
    return shapes[0]


def differences(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Where a recorded shape has a key that ours lacks, or a type that ours never has."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        missing = [f"{path}.{key} is missing" for key in theirs if key not in ours]
        return missing + [
            d for key in theirs if key in ours for d in differences(ours[key], theirs[key], f"{path}.{key}")
        ]
    if isinstance(theirs, list) and isinstance(ours, list):
        return differences(ours[0], theirs[0], f"{path}[]") if ours and theirs else []
    if isinstance(theirs, set) and isinstance(ours, set):
        extra = theirs - ours
        return [f"{path} is {'/'.join(sorted(ours))}, recorded as {'/'.join(sorted(extra))}"] if extra else []
    return [] if ours == theirs else [f"{path} is {ours}, recorded as {theirs}"]
