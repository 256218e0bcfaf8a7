"""Accounts at BtcTurk and Hyperliquid that can be read: answers in the documented shapes, none was recorded."""

from __future__ import annotations

import json
from typing import Any

import httpx


class ReadOnlyAccount:
    """Answers by path, or for Hyperliquid by the type that is asked; each answer may be replaced by a test."""

    def __init__(self, host: str, answers: dict[str, Any]) -> None:
        self.host = host
        self.answers = answers
        self.requests: list[tuple[str, str, dict]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url.scheme == "https"
        assert request.url.host == self.host
        body = json.loads(request.content) if request.content else {}
        self.requests.append((request.method, request.url.path, body))
        name = body.get("type") or request.url.path.rpartition("/")[2]
        answer = self.answers[name]
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)


def btcturk(now_ms: int) -> ReadOnlyAccount:
    def market(name: str, base: str, quote: str, tick: str) -> dict:
        price = {
            "filterType": "PRICE_FILTER", "minPrice": "0.0000000000001", "maxPrice": "10000000", "tickSize": tick,
            "minExchangeValue": "10", "minAmount": None, "maxAmount": None,
        }  # fmt: skip
        return {
            "id": 1, "name": name, "nameNormalized": f"{base}_{quote}", "status": "TRADING", "numerator": base,
            "denominator": quote, "numeratorScale": 8, "denominatorScale": 2, "hasFraction": True, "filters": [price],
            "orderMethods": ["MARKET", "LIMIT", "STOP_MARKET", "STOP_LIMIT"], "commissionFromNumerator": False,
        }  # fmt: skip

    def balance(asset: str, total: str) -> dict:
        return {"asset": asset, "assetname": asset, "balance": total, "locked": "0", "free": total, "precision": 8}

    done = {"success": True, "message": None, "code": 0}
    symbols = [market("BTCUSDT", "BTC", "USDT", "1"), market("BTCTRY", "BTC", "TRY", "10")]
    return ReadOnlyAccount(
        "api.btcturk.com",
        {
            "exchangeinfo": done | {"data": {"timeZone": "UTC", "serverTime": now_ms, "symbols": symbols}},
            "balances": done
            | {"data": [balance("USDT", "10000.1234567890123456"), balance("BTC", "1.0000000000000000")]},
            "openOrders": done | {"data": {"asks": [], "bids": []}},
            "trade": done | {"data": []},
        },
    )


def hyperliquid() -> ReadOnlyAccount:
    def token(name: str, index: int, places: int) -> dict:
        return {
            "name": name,
            "szDecimals": places,
            "weiDecimals": 8,
            "index": index,
            "tokenId": f"0x{index}",
            "isCanonical": True,
        }

    return ReadOnlyAccount(
        "api.hyperliquid.xyz",
        {
            "spotMeta": {
                "tokens": [token("USDC", 0, 8), token("PURR", 1, 0), token("HYPE", 150, 2)],
                "universe": [
                    {"name": "PURR/USDC", "tokens": [1, 0], "index": 0, "isCanonical": True},
                    {"name": "@107", "tokens": [150, 0], "index": 107, "isCanonical": False},
                ],
            },
            "spotClearinghouseState": {
                "balances": [
                    {"coin": "USDC", "token": 0, "hold": "0.0", "total": "10000.5", "entryNtl": "0.0"},
                    {"coin": "HYPE", "token": 150, "hold": "0.0", "total": "1.25", "entryNtl": "30.0"},
                ]
            },
            "frontendOpenOrders": [],
            "userFillsByTime": [],
        },
    )
