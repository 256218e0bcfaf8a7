"""What is tried with a key before it is taken: clock, rights, an order that is only checked, a WebSocket token."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, Protocol

from mooring.errors import Denied, Halt, Invalid, MooringError
from mooring.onboarding.rights import Verdict, judge

SKEW_WARN_MS: Final = 1_000
SKEW_MOST_MS: Final = 3_000  # an order has to arrive within its deadline, which is 5 s and more of Kraken's clock
EXPIRY_WARN_SECONDS: Final = 30 * 86_400
FindingState = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, kw_only=True)
class KeyFacts:
    """What the venue says of a key. Times are unix seconds, 0 where unset.

    Attributes:
        rights: Kraken's names.
        valid_until: when it expires.
        query_from, query_to: what of the past it may ask for.
        addresses: from which it may be used; empty for all.
        nonce_window: how far calls may come in another order than they were made, in Kraken's units; 0 for not at all.
    """

    rights: frozenset[str]
    valid_until: int = 0
    query_from: int = 0
    query_to: int = 0
    addresses: tuple[str, ...] = ()
    nonce_window: int = 0


@dataclass(frozen=True, kw_only=True)
class Held:
    """What can be bought with.

    Attributes:
        asset: that prices are counted in. free: of it, beside what open orders hold.
        anything: whether the account holds anything at all.
    """

    asset: str
    free: Decimal
    anything: bool


class KeyProbe(Protocol):
    """Asks a venue with the key that is to be examined. Nothing of it places an order.

    Raises:
        MooringError: the venue does not answer, or refuses.
    """

    async def skew_ms(self) -> int:
        """How far this machine's clock is behind the venue's, milliseconds; negative where it is ahead."""
        ...

    async def facts(self) -> KeyFacts: ...

    async def held(self) -> Held:
        """What the account holds."""
        ...

    async def orders_of_others(self) -> int:
        """How many open orders of the account Mooring did not place."""
        ...

    async def check_order(self) -> str:
        """Have an order checked and not placed; what is to be said of it though it passed, mostly nothing."""
        ...

    async def check_token(self) -> None:
        """Ask for a token of the private WebSocket, and forget it."""
        ...


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was tried. `fail` keeps the key from being taken."""

    name: str
    state: FindingState
    text: str
    todo: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that was found out about a key."""

    verdict: Verdict
    findings: tuple[Finding, ...]

    @property
    def refusal(self) -> MooringError | None:
        """Why the key is not taken; None where it is."""
        if (refused := self.verdict.refusal) is not None:
            return refused
        failed = next((finding for finding in self.findings if finding.state == "fail"), None)
        if failed is None:
            return None
        return Denied(
            "key_check_failed",
            f"The API key was tried and failed: {failed.text}",
            money="Nothing was stored and no order was sent.",
            todo=failed.todo,
        )


async def examine(probe: KeyProbe, *, now: int) -> Report:
    """Try everything; a key with which money could leave is tried no further.

    Args:
        probe: asks with the key.
        now: UTC unix seconds, of the venue.

    Raises:
        MooringError: the venue cannot be asked, or does not know the key.
    """
    findings = [_clock(await probe.skew_ms())]
    facts = await probe.facts()
    verdict = judge(facts.rights)
    findings += _facts(facts, now)
    if verdict.named("refused"):
        return Report(verdict=verdict, findings=tuple(findings))
    missing = {row.name for row in verdict.named("missing")}
    if "query-funds" not in missing:
        findings.append(await _balance(probe))
    if "query-open-trades" not in missing:
        findings += await _others(probe)
    if "modify-trades" not in missing:
        findings.append(await _order(probe))
    if "create-ws-token" not in missing:
        findings.append(await _token(probe))
    return Report(verdict=verdict, findings=tuple(findings))


def _clock(skew_ms: int) -> Finding:
    text = f"This machine's clock and Kraken's differ by {abs(skew_ms) / 1000:.1f} s."
    todo = "Let the system set its date and time automatically."
    if abs(skew_ms) > SKEW_MOST_MS:
        return Finding(name="clock", state="fail", text=text, todo=todo)
    if abs(skew_ms) > SKEW_WARN_MS:
        return Finding(name="clock", state="warn", text=text, todo=todo)
    return Finding(name="clock", state="ok", text="This machine's clock agrees with Kraken's.")


def _facts(facts: KeyFacts, now: int) -> list[Finding]:
    found: list[Finding] = []
    if 0 < facts.valid_until <= now + EXPIRY_WARN_SECONDS:
        days = max(0, facts.valid_until - now) // 86_400
        text = f"The key expires in {days} days; after that nothing can be sold or cancelled with it."
        found.append(Finding(name="expiry", state="warn", text=text, todo="Make a key without an expiry date."))
    if facts.query_from or facts.query_to:
        text = "The key may ask for a part of the past only, so orders and balances could not be explained."
        todo = "Remove the start and end dates of queries from the key at Kraken."
        found.append(Finding(name="history", state="fail", text=text, todo=todo))
    if facts.nonce_window:
        text = "The key has a nonce window, so a call that somebody recorded could be sent once more within it."
        todo = "Set the nonce window of the key to 0 at Kraken."
        found.append(Finding(name="nonces", state="warn", text=text, todo=todo))
    if not facts.addresses:
        text = "The key works from any address of the internet."
        todo = "If yours does not change, have Kraken allow it alone."
        found.append(Finding(name="addresses", state="warn", text=text, todo=todo))
    return found


async def _balance(probe: KeyProbe) -> Finding:
    try:
        held = await probe.held()
    except (Denied, Invalid, Halt) as error:
        return Finding(name="balance", state="fail", text=error.what, todo=error.todo)
    if held.free > 0:
        text = f"The account has {held.free:,.2f} {held.asset} free."
        return Finding(name="balance", state="ok", text=text)
    what = f"has no {held.asset} free" if held.anything else "holds nothing yet"
    text = f"Kraken tells its balances; the account {what}, so nothing could be bought."
    return Finding(
        name="balance", state="warn", text=text, todo="Nothing for paper trading; fund it before going live."
    )


async def _others(probe: KeyProbe) -> list[Finding]:
    try:
        count = await probe.orders_of_others()
    except (Denied, Invalid, Halt) as error:
        return [Finding(name="orders", state="fail", text=error.what, todo=error.todo)]
    if not count:
        return []
    text = f"{count} open order{'s' * (count > 1)} of the account {'are' if count > 1 else 'is'} not Mooring's."
    todo = "Mooring leaves them alone; if another program trades here, give each an API key of its own."
    return [Finding(name="orders", state="warn", text=text, todo=todo)]


async def _order(probe: KeyProbe) -> Finding:
    try:
        note = await probe.check_order()
    except (Denied, Invalid, Halt) as error:
        return Finding(name="order", state="fail", text=error.what, todo=error.todo)
    if note:
        return Finding(name="order", state="warn", text=note, todo="Nothing, if you mean to fund the account later.")
    return Finding(name="order", state="ok", text="Kraken checked an order without placing it.")


async def _token(probe: KeyProbe) -> Finding:
    try:
        await probe.check_token()
    except (Denied, Invalid, Halt) as error:
        return Finding(name="websocket", state="fail", text=error.what, todo=error.todo)
    return Finding(name="websocket", state="ok", text="Kraken gives access to the private WebSocket.")
