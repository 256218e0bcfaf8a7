"""The sections of the settings, each with its fields, their bounds and defaults; `settings` puts them together.

Each field's bounds are hard: no file, variable, bundle or strategy may exceed them. Values are integers, text, switches
or lists of these, never floats: rates are in parts per million (ppm) or basis points (bps, 1/100 of a percent).
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator, model_validator

from mooring import hosts
from mooring.errors import Invalid

_STRICT: Final = ConfigDict(frozen=True, extra="forbid", strict=True)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}\Z")

Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,12}-[A-Z0-9]{1,12}$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Client = Annotated[str, Field(max_length=15)]
Weight = Annotated[int, Field(ge=0, le=100)]


def _int(default: int, low: int, high: int, description: str) -> Any:
    return Field(default=default, ge=low, le=high, description=description)


def _text(default: Any, bounds: str, description: str, **limits: Any) -> Any:
    return Field(default=default, description=description, json_schema_extra={"bounds": bounds}, **limits)


class Market(BaseModel):
    """Where bars come from."""

    model_config = _STRICT

    source: Literal["synthetic", "replay", "kraken"] = Field(
        default="synthetic",
        description="Made-up market from a seed, or recorded bars replayed from a directory, or Kraken's prices.",
    )
    bars_dir: str | None = _text(
        None, "a directory, or unset", "Directory of recorded bars, laid out as <SYMBOL>/1h.parquet.", max_length=1024
    )
    symbols: tuple[Symbol, ...] = _text(
        ("BTC-USDT", "ETH-USDT", "SOL-USDT", "XRP-USDT", "ADA-USDT"),
        "1 to 60 symbols like BTC-USDT, each once, all in one quote asset",
        "The universe to trade, in this order.",
        min_length=1,
        max_length=60,
    )
    start: str | None = _text(
        None, "a date like 2021-05-12, or unset", "First day of the market (UTC), where replayed."
    )
    speed: int = _int(1, 0, 10_000_000, "Market seconds per second of a replay; 0 is as fast as possible.")
    seed: int = _int(1, 0, 2**31 - 1, "Seed of the synthetic market.")

    @field_validator("symbols")
    @classmethod
    def _one_quote(cls, symbols: tuple[str, ...]) -> tuple[str, ...]:
        if len({*symbols}) != len(symbols):
            raise ValueError("names a symbol twice")
        if len({symbol.split("-")[1] for symbol in symbols}) != 1:
            raise ValueError("mixes quote assets; one account counts in one")
        return symbols

    @field_validator("start")
    @classmethod
    def _iso_date(cls, start: str | None) -> str | None:
        if start is not None:
            try:
                date.fromisoformat(start if _DATE.match(start) else "")
            except ValueError:
                raise ValueError("is no date") from None
        return start

    @model_validator(mode="after")
    def _replay_has_bars(self) -> Self:
        if self.source == "replay" and not self.bars_dir:
            raise ValueError('market.source is "replay" but market.bars_dir is not set')
        return self


class Trading(BaseModel):
    """What the daemon does with its decisions."""

    model_config = _STRICT

    mode: Literal["paper", "shadow", "live"] = Field(
        default="paper", description="Simulated fills; or decisions recorded and nothing sent; or real orders."
    )
    autostart: bool = Field(default=True, description="Start the decision cycle when the daemon starts.")
    keep_awake: bool = Field(
        default=False, description="Keep this machine from falling asleep by itself while the daemon trades."
    )
    dry_run: bool = Field(default=True, description="Send no real order in live mode; whatever else is set.")
    shadow_validate: bool = Field(
        default=False, description="In shadow mode have the venue check each order without placing it."
    )
    starting_cash: int = _int(
        10_000,
        10,
        10_000_000,
        "Cash of a new paper account, or the most of a live one that may be used, in whole quote units.",
    )
    live_account: int = _int(
        1,
        1,
        1000,
        "Number of the live account; a new one leaves what the one before held to you, and begins with cash alone.",
    )
    kill_positions: Literal["hold", "flatten"] = Field(
        default="hold", description="What the kill switch does with open positions, after it cancelled all orders."
    )


class Venue(BaseModel):
    """Where orders go, and the addresses of Kraken."""

    model_config = _STRICT

    name: Literal["paper", "kraken"] = Field(
        default="paper", description="Fills simulated on this machine, or an account at Kraken."
    )
    rest_url: str = _text(
        hosts.REST_URL,
        f"{hosts.REST_URL}, or one like http://127.0.0.1:8080",
        "Address of Kraken's REST interface, or of a look-alike on this machine.",
    )
    ws_url: str = _text(
        hosts.WS_URL,
        f"{hosts.WS_URL}, or one like ws://127.0.0.1:8080/v2",
        "Address of Kraken's public WebSocket, or of a look-alike on this machine.",
    )
    ws_auth_url: str = _text(
        hosts.WS_AUTH_URL,
        f"{hosts.WS_AUTH_URL}, or one like ws://127.0.0.1:8080/auth/v2",
        "Address of Kraken's private WebSocket, or of a look-alike on this machine.",
    )
    tier: Literal["starter", "intermediate", "pro"] = Field(
        default="starter", description="How far Kraken has verified the account, which sets its rate limits."
    )

    @field_validator("rest_url", "ws_url", "ws_auth_url")
    @classmethod
    def _allowed(cls, url: str, info: ValidationInfo) -> str:
        try:
            return hosts.checked_url(url, scheme="http" if info.field_name == "rest_url" else "ws")
        except Invalid:
            raise ValueError("is neither Kraken's own over TLS nor one of this machine by number") from None

    @model_validator(mode="after")
    def _one_venue(self) -> Self:
        # Prices of a look-alike must never decide orders that go to Kraken, nor a key of Kraken's meet a look-alike.
        if len({hosts.is_local(url) for url in (self.rest_url, self.ws_url, self.ws_auth_url)}) != 1:
            raise ValueError(
                "venue.rest_url, venue.ws_url and venue.ws_auth_url must all be Kraken's, or all of this machine"
            )
        return self


class Execution(BaseModel):
    """How orders are sent to a venue and looked after there. Seconds are the venue's."""

    model_config = _STRICT

    deadline_seconds: int = _int(5, 2, 60, "Age after which the venue must not take an order any more.")
    settle_seconds: int = _int(30, 1, 600, "Time that a partly filled entry is given before its rest is cancelled.")
    reconcile_minutes: int = _int(10, 1, 60, "Minutes between two comparisons of the books with the venue.")
    dead_man: Literal["entries", "always", "off"] = Field(
        default="entries", description="When the venue shall cancel all orders if it no longer hears from Mooring."
    )
    stale_seconds: int = _int(120, 10, 3600, "Age of the newest price at which nothing more is bought.")
    late_seconds: int = _int(300, 10, 3600, "Age of an hour's close at which that hour is caught up without trading.")


class Costs(BaseModel):
    """What the paper venue charges and how badly it fills."""

    model_config = _STRICT

    taker_fee_ppm: int = _int(8000, 0, 20_000, "Fee of an order that takes liquidity, in ppm of its cost.")
    maker_fee_ppm: int = _int(4000, 0, 20_000, "Fee of an order that rests in the book, in ppm of its cost.")
    half_spread_ppm: int = _int(250, 0, 10_000, "Half of the spread, paid on each market fill, in ppm of the price.")
    slippage_ppm: int = _int(250, 0, 10_000, "Further worsening of each market fill, in ppm of the price.")


class Signals(BaseModel):
    """What the producers compute, in bars of one hour."""

    model_config = _STRICT

    producers: tuple[Name, ...] = _text(
        ("rsi", "momentum", "ma_cross"),
        "1 to 16 names, each once",
        "Signal producers, in this order.",
        min_length=1,
        max_length=16,
    )
    strategy: Name = _text("conviction", "a name in lower case", "The strategy that combines the signals.")
    rsi_period: int = _int(14, 2, 200, "Bars of the relative strength index.")
    rsi_oversold: int = _int(30, 1, 99, "Index at or below which a symbol counts as oversold.")
    rsi_overbought: int = _int(70, 1, 99, "Index at or above which a symbol counts as overbought.")
    ema_fast: int = _int(12, 2, 500, "Bars of the fast moving average.")
    ema_slow: int = _int(26, 3, 1000, "Bars of the slow moving average.")
    momentum_bars: int = _int(24, 1, 240, "Bars back to which momentum compares.")
    atr_period: int = _int(14, 2, 200, "Bars of the average true range.")
    model_up_score: int = _int(
        100_000, 1, 1_000_000, "Score of the models, in millionths, at or above which they say up."
    )
    model_down_score: int = _int(
        100_000, 1, 1_000_000, "Score of the models below zero, in millionths, at which they say down."
    )
    model_full_score: int = _int(
        500_000, 1, 1_000_000, "Score of the models, in millionths, at which conviction is full."
    )

    @field_validator("producers")
    @classmethod
    def _each_once(cls, producers: tuple[str, ...]) -> tuple[str, ...]:
        if len({*producers}) != len(producers):
            raise ValueError("names a producer twice")
        return producers

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.ema_fast >= self.ema_slow:
            raise ValueError("signals.ema_fast must be below signals.ema_slow")
        if self.rsi_oversold >= self.rsi_overbought:
            raise ValueError("signals.rsi_oversold must be below signals.rsi_overbought")
        if self.model_full_score < max(self.model_up_score, self.model_down_score):
            raise ValueError("signals.model_full_score must not be below model_up_score or model_down_score")
        return self


class Strategy(BaseModel):
    """When the strategy enters and leaves."""

    model_config = _STRICT

    entry_score: int = _int(6, 1, 30, "Weighted conviction at which a symbol is bought.")
    exit_score: int = _int(-6, -30, 0, "Weighted conviction at which a position is sold.")
    stop_atr_percent: int = _int(300, 50, 2000, "Distance of the stop below the entry, in percent of the ATR.")
    target_atr_percent: int = _int(600, 50, 5000, "Distance of the target above the entry, in percent of the ATR.")
    cooldown_bars: int = _int(6, 0, 500, "Bars without a new entry on a symbol after its position closed.")
    weights: tuple[Weight, ...] = _text(
        (1, 1, 1), "0 to 100 each, one for each producer", "Weight of each producer, in their order.", max_length=16
    )


class Risk(BaseModel):
    """Limits on what may be at stake; basis points are of the account's equity."""

    model_config = _STRICT

    risk_per_trade_bps: int = _int(50, 1, 500, "Most that one trade may lose at its stop.")
    max_symbol_exposure_bps: int = _int(2000, 1, 5000, "Most that may be held of one symbol.")
    max_total_exposure_bps: int = _int(
        8000, 1, 10_000, "Most that may be held in all, less in a drawdown; never above the equity."
    )
    daily_loss_bps: int = _int(300, 1, 2000, "Loss since midnight UTC at which entries stop for the day.")
    drawdown_caution_bps: int = _int(500, 1, 5000, "Drawdown at which new positions become smaller.")
    drawdown_defensive_bps: int = _int(1000, 1, 5000, "Drawdown at which new positions become much smaller.")
    drawdown_halt_bps: int = _int(1500, 1, 5000, "Drawdown at which entries stop.")
    max_open_positions: int = _int(10, 1, 60, "Most positions open at once.")
    max_entries_per_day: int = _int(20, 1, 1000, "Most entries in one day (UTC).")
    entry_collar_bps: int = _int(
        50, 1, 500, "Furthest an entry may pay above the close it was decided on, of the price."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.drawdown_caution_bps < self.drawdown_defensive_bps < self.drawdown_halt_bps:
            raise ValueError("the drawdown tiers of risk must rise: caution, then defensive, then halt")
        if self.max_symbol_exposure_bps > self.max_total_exposure_bps:
            raise ValueError("risk.max_symbol_exposure_bps must not be above risk.max_total_exposure_bps")
        return self


class Treasury(BaseModel):
    """What could be taken out of the gains; it is said, never done."""

    model_config = _STRICT

    monthly_costs: int = _int(0, 0, 1_000_000, "Costs of running in 30 days beside trading fees, in whole quote units.")
    principal_protection: bool = Field(default=True, description="Whether surplus counts only above the money put in.")
    minimum_transfer: int = _int(10, 0, 1_000_000, "Smallest transfer that is recommended, in whole quote units.")


class Store(BaseModel):
    """Where the records are kept."""

    model_config = _STRICT

    url: SecretStr | None = _text(
        None,
        "a URL like postgresql://user@host:5432/database, or unset",
        "Database of a PostgreSQL server that keeps the records, instead of a file in the home.",
        max_length=2048,
    )

    @field_validator("url")
    @classmethod
    def _postgresql(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith("postgresql://"):
            raise ValueError("is no URL that begins with postgresql://")
        return url


class Secrets(BaseModel):
    """Where the API key is kept."""

    model_config = _STRICT

    backend: Literal["keychain", "files"] = Field(
        default="keychain",
        description="The system's keychain, or files that a container's platform mounts, which are only read.",
    )
    files_dir: str | None = _text(
        None,
        "an absolute path, or unset",
        "Directory of the mounted files; needed with the backend files, refused with the keychain.",
        max_length=1024,
    )

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.backend == "files") != (self.files_dir is not None):
            raise ValueError('secrets.backend = "files" and secrets.files_dir belong together; set both or neither')
        if self.files_dir is not None and not self.files_dir.startswith("/"):
            raise ValueError("secrets.files_dir must be an absolute path")
        return self


class Api(BaseModel):
    """The control API; its address is 127.0.0.1 and no setting changes that."""

    model_config = _STRICT

    port: int = Field(
        default=0,
        ge=0,
        le=65_535,
        description="TCP port on 127.0.0.1; 0 lets the system choose a free one.",
        json_schema_extra={"bounds": "0, or 10000 to 65535"},
    )

    @field_validator("port")
    @classmethod
    def _five_digits(cls, port: int) -> int:
        # The daemon proves itself over nonce + port: with ports of one length, no proof for one fits another.
        if 1 <= port < 10_000:  # noqa: PLR2004
            raise ValueError("is a port of fewer than five digits")
        return port

    allowed_clients: tuple[Client, ...] = _text(
        (hosts.LOOPBACK,),
        "1 to 16 addresses like 127.0.0.1, all of 127.0.0.0/8",
        "Who may connect to the TCP port; anybody else is dropped before a word is read.",
        min_length=1,
        max_length=16,
    )

    @field_validator("allowed_clients")
    @classmethod
    def _of_this_machine(cls, clients: tuple[str, ...]) -> tuple[str, ...]:
        if not all(hosts.is_loopback(client) and ":" not in client for client in clients):
            raise ValueError("names an address that is not of this machine (127.0.0.0/8)")
        return clients


class Logs(BaseModel):
    """The daemon's log files."""

    model_config = _STRICT

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least serious record kept."
    )
    max_bytes: int = _int(5_000_000, 10_000, 100_000_000, "Size at which the log file is rotated, in bytes.")
    backups: int = _int(5, 1, 50, "Rotated log files kept.")
