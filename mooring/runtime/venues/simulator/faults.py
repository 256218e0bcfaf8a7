"""Faults on purpose: what goes wrong, when and how often, told by a scenario file and repeated by its seed.

docs/simulator.md lists the kinds for people; the fields here are the file's.
"""

from __future__ import annotations

import json
import tomllib
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mooring.errors import Invalid
from mooring.runtime.venues.simulator.digits import NANO
from mooring.runtime.venues.simulator.ids import mix

RULES_MAX: Final = 1000
FILE_BYTES_MAX: Final = 1_000_000  # what is longer ends in the middle, and so is no TOML or JSON
_FIELDS_SHOWN: Final = 3

Seconds = Annotated[Decimal, Field(ge=0, le=10_000_000, allow_inf_nan=False)]
Amount = Annotated[str, Field(pattern=r"^[0-9]{1,20}(\.[0-9]{1,18})?$")]

CALLS: Final = frozenset({"drop_request", "drop_answer", "delay", "late", "error", "http_error", "disconnect"})
FRAMES: Final = frozenset({"drop_frame", "duplicate", "reorder", "bad_checksum", "cut"})
STATES: Final = frozenset({"rest_lag", "clock_skew", "status"})
ACTS: Final = frozenset(
    {"lockout", "nonce_jump", "deposit", "withdrawal", "staking", "external_order", "disconnect_all"}
)
# What a kind must state besides `kind`, and what it may.
_NEEDS: Final = {
    "delay": {"seconds"},
    "late": {"seconds"},
    "error": {"text"},
    "rest_lag": {"seconds"},
    "clock_skew": {"seconds"},
    "status": {"mode"},
    "lockout": {"seconds"},
    "nonce_jump": {"by"},
    "deposit": {"asset", "amount"},
    "withdrawal": {"asset", "amount"},
    "staking": {"asset", "amount"},
    "external_order": {"pair", "side", "volume"},
}
_MAY: Final = {
    "error": {"lands"},
    "http_error": {"status", "lands"},
    "clock_skew": {"backwards"},
    "status": {"pair"},
    "external_order": {"price"},
    "fill_after_cancel": {"seconds", "share"},
}
_OWN: Final = tuple("seconds text status lands mode pair by asset amount side volume price share backwards".split())


class Rule(BaseModel):
    """One fault.

    Attributes:
        after, until: seconds after the start of the simulation between which it holds; acts happen once, at `after`.
        match: of a call such as `rest:AddOrder` or `ws:add_order`, or of a frame such as `frame:executions`; `*` and
            `?` stand for any letters.
        skip, times, percent: it passes over the first so many matches, hits at most so many, and each with that chance.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal[
        "drop_request", "drop_answer", "delay", "late", "error", "http_error", "disconnect",
        "drop_frame", "duplicate", "reorder", "bad_checksum", "cut",
        "rest_lag", "clock_skew", "status", "fill_after_cancel",
        "lockout", "nonce_jump", "deposit", "withdrawal", "staking", "external_order", "disconnect_all",
    ]  # fmt: skip
    name: Annotated[str, Field(max_length=100)] = ""
    after: Seconds = Decimal(0)
    until: Seconds | None = None
    match: Annotated[str, Field(min_length=1, max_length=100)] = "*"
    skip: Annotated[int, Field(ge=0)] = 0
    times: Annotated[int | None, Field(ge=1)] = None
    percent: Annotated[int, Field(ge=1, le=100)] = 100

    seconds: Seconds | None = None
    text: Annotated[str | None, Field(max_length=200)] = None
    status: Annotated[int | None, Field(ge=300, le=599)] = None
    lands: bool | None = None
    mode: Literal["online", "cancel_only", "post_only", "limit_only", "maintenance"] | None = None
    pair: Annotated[str | None, Field(max_length=30)] = None
    by: Annotated[int | None, Field(ge=1, le=2**62)] = None
    asset: Annotated[str | None, Field(max_length=20)] = None
    amount: Amount | None = None
    side: Literal["buy", "sell"] | None = None
    volume: Amount | None = None
    price: Amount | None = None
    share: Annotated[int | None, Field(ge=1, le=100)] = None
    backwards: bool | None = None

    @model_validator(mode="after")
    def _check(self) -> Rule:
        stated = {name for name in _OWN if getattr(self, name) is not None}
        needs, may = _NEEDS.get(self.kind, set()), _MAY.get(self.kind, set())
        if needs - stated:
            raise ValueError(f"{self.kind} needs {', '.join(sorted(needs - stated))}")
        if stated - needs - may:
            raise ValueError(f"{self.kind} has no {', '.join(sorted(stated - needs - may))}")
        if self.until is not None and self.until <= self.after:
            raise ValueError("until is not later than after")
        return self

    @property
    def from_ns(self) -> int:
        """`after` in ns."""
        return int(self.after * NANO)

    @property
    def until_ns(self) -> int | None:
        """`until` in ns, None for no end."""
        return None if self.until is None else int(self.until * NANO)

    @property
    def wait(self) -> int:
        """`seconds` in ns; 0 where it states none."""
        return int((self.seconds or 0) * NANO)


class Scenario(BaseModel):
    """A file of faults."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    fault: Annotated[tuple[Rule, ...], Field(max_length=RULES_MAX)] = ()


def read_scenario(path: Path) -> Scenario:
    """A scenario from a TOML or JSON file.

    Raises:
        Invalid: it cannot be read, or a rule is wrong; says which.
    """
    try:
        with path.open("rb") as file:
            said = file.read(FILE_BYTES_MAX).decode("utf-8")
        raw = json.loads(said) if path.suffix == ".json" else tomllib.loads(said, parse_float=Decimal)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _bad(f"{path} cannot be read as TOML, or JSON if it ends with .json: {reason}.") from None
    return parse_scenario(raw, str(path))


def parse_scenario(raw: Any, where: str) -> Scenario:
    """A scenario from read TOML or JSON; errors as `read_scenario`."""
    try:
        return Scenario.model_validate(raw)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in error.errors()]
        raise _bad(f"{where}: {'; '.join(faults[:_FIELDS_SHOWN])}.") from None


def _bad(what: str) -> Invalid:
    return Invalid("bad_scenario", what, todo="See docs/simulator.md for what a scenario may hold.")


class Faults:
    """Which rules hit what; counts how often each did."""

    def __init__(self, scenario: Scenario | None = None) -> None:
        self.scenario = scenario or Scenario()
        self.rules: list[Rule] = list(self.scenario.fault)
        self.hits: list[int] = [0] * len(self.rules)
        self._matches: list[int] = [0] * len(self.rules)
        self._starts: list[int] = [0] * len(self.rules)

    def add(self, rule: Rule, since: int) -> int:
        """One more rule, whose seconds count from `since` (ns after the start); returns its number.

        Raises:
            Invalid: there are too many.
        """
        if len(self.rules) >= RULES_MAX:
            raise _bad(f"There are {RULES_MAX:,} faults already.")
        self.rules.append(rule)
        self.hits.append(0)
        self._matches.append(0)
        self._starts.append(since)
        return len(self.rules) - 1

    def clear(self) -> None:
        """Nothing goes wrong from now on, but for what is under way."""
        self.rules, self.hits, self._matches, self._starts = [], [], [], []

    def calls(self, name: str, elapsed: int) -> list[Rule]:
        """The rules that hit a call; elapsed: ns since the start."""
        return self._hit(CALLS, name, elapsed)

    def frames(self, channel: str, elapsed: int) -> list[Rule]:
        """The rules that hit an outgoing frame."""
        return self._hit(FRAMES, f"frame:{channel}", elapsed)

    def cancels(self, name: str, elapsed: int) -> list[Rule]:
        """The rules by which a cancelled order fills all the same."""
        return self._hit(frozenset({"fill_after_cancel"}), name, elapsed)

    def _hit(self, kinds: frozenset[str], name: str, elapsed: int) -> list[Rule]:
        found = []
        for n, rule in enumerate(self.rules):
            if rule.kind in kinds and self._is_hit(n, rule, name, elapsed - self._starts[n]):
                self.hits[n] += 1
                found.append(rule)
        return found

    def _is_hit(self, n: int, rule: Rule, name: str, elapsed: int) -> bool:
        if elapsed < rule.from_ns or (rule.until_ns is not None and elapsed >= rule.until_ns):
            return False
        if not fnmatchcase(name, rule.match) or (rule.times is not None and self.hits[n] >= rule.times):
            return False
        self._matches[n] += 1
        if self._matches[n] <= rule.skip:
            return False
        return mix(self.scenario.seed, n, self._matches[n]) % 100 < rule.percent
