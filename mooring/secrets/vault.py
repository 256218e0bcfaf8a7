"""The vault: small documents in the operating system's keychain, and in nothing else.

A document is one keychain item holding JSON with a version, as macOS asks the person for each item once. There is no
fallback to a file. keyring is imported at the first call: without secrets it costs nothing.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from mooring.errors import Denied, Invalid, Unknown

T = TypeVar("T")

SERVICE: Final = "dev.mooring"
SERVICE_DIGITS: Final = 12
VERSION: Final = 1
MAX_DOCUMENT_BYTES: Final = 2048
TIMEOUT_SECONDS: Final = 20.0
_REFUSED_BACKENDS: Final = (
    "keyring.backends.fail",
    "keyring.backends.null",
    "keyring.backends.chainer",
    "keyrings.alt",
)
# macOS: errSecInteractionNotAllowed, which keyring reports as a plain error (Security framework, SecBase.h).
_MACOS_NO_INTERACTION: Final = -25308


class Vault(Protocol):
    """Where secrets are kept. Calls block, so they belong in a thread and not on an event loop."""

    @property
    def read_only(self) -> bool:
        """Whether somebody else puts the documents there; `put` and `delete` are then refused."""
        ...

    @property
    def where(self) -> str:
        """The place in words, for a person to find it."""
        ...

    def get(self, item: str) -> dict[str, str] | None:
        """The document, or None where there is none.

        Raises:
            Denied: `no_keychain`, `keychain_locked`, `keychain_denied`, `keychain_timeout`, `keychain_item_damaged`.
        """
        ...

    def put(self, item: str, document: Mapping[str, str]) -> None:
        """Keep the document, and read it back to be sure.

        Raises:
            Invalid: the document is too large for a keychain.
            Denied: as `get`; the former document is still there or there is none. `secrets_read_only`.
            Unknown: no answer in time, or the item reads back differently.
        """
        ...

    def delete(self, item: str) -> bool:
        """Remove the document; False where there was none.

        Raises:
            Denied: as `get`.
            Unknown: no answer in time.
        """
        ...

    def hurry(self, seconds: float) -> None:
        """Have a call under way give up now, and a later one after so many seconds: the process is to end.

        From any thread; returns at once.
        """
        ...


class Backend(Protocol):
    """What the vault needs of a keyring backend."""

    def get_password(self, service: str, username: str) -> str | None: ...
    def set_password(self, service: str, username: str, password: str) -> None: ...
    def delete_password(self, service: str, username: str) -> None: ...


def service_of(home: Path, default: Path) -> str:
    """The name under which what the system keeps for one home is kept; the default home has the plain one.

    Args:
        home, default: absolute, links followed. Two homes of one person share no key and no token as long as only one
            of them is ever the default: for the keychain, `home.usual_home`.
    """
    return SERVICE if home == default else named_service(home)


def named_service(home: Path) -> str:
    """The name that is made of the home's path; as `service_of` otherwise."""
    return f"{SERVICE}.{hashlib.sha256(os.fsencode(home)).hexdigest()[:SERVICE_DIGITS]}"


def backend_module(platform: str = sys.platform) -> str:
    """Name of the module of keyring that speaks with this platform's keychain.

    Raises:
        Denied: Mooring knows none here.
    """
    if platform == "darwin":
        return "keyring.backends.macOS"
    if platform.startswith("linux"):
        return "keyring.backends.SecretService"
    raise _no_keychain(f"Mooring knows no keychain on {platform}.")


def system_backend() -> Backend:
    """The platform's own keychain, whatever keyring's configuration or environment would choose.

    Raises:
        Denied: there is none.
    """
    backend: Any = importlib.import_module(backend_module()).Keyring  # only where secrets are used
    try:
        _ = backend.priority  # asks the system whether the keychain answers
    except (RuntimeError, OSError):
        raise _no_keychain("No keychain answers in this session.") from None
    made: Backend = backend()
    return made


@dataclass(frozen=True, kw_only=True)
class MemoryVault:
    """Documents for as long as the process lives; for the demo, which leaves no trace in the person's keychain."""

    documents: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    read_only: bool = False
    where: str = "the memory of this process"

    def get(self, item: str) -> dict[str, str] | None:
        found = self.documents.get(item)
        return None if found is None else dict(found)

    def put(self, item: str, document: Mapping[str, str]) -> None:
        _encode(document)
        self.documents[item] = dict(document)

    def delete(self, item: str) -> bool:
        return self.documents.pop(item, None) is not None

    def hurry(self, seconds: float) -> None:
        """Nothing here waits."""


class KeyringVault:
    """Documents in the operating system's keychain.

    Args:
        backend: opens the keychain; called in the worker at the first use.
        service: the name under which items are kept.
        timeout_seconds: how long a call may wait, a prompt to the person included.
    """

    def __init__(
        self,
        *,
        backend: Callable[[], Backend] = system_backend,
        service: str = SERVICE,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._open = backend
        self._service = service
        self._timeout = timeout_seconds
        self._opened: Backend | None = None
        # One call at a time: two prompts on a person's screen answer nothing.
        self._turn = threading.Condition()
        self._taken = self._hurried = False
        self._waiting: Future[Any] | None = None  # of the call under way
        self.read_only = False
        self.where = f"the system's keychain ({service})"

    def probe(self) -> str:
        """Ask the keychain for an item, and return the backend's name.

        Raises:
            Denied: as `get`.
        """
        self.get("probe")
        return type(self._opened).__module__

    def get(self, item: str) -> dict[str, str] | None:
        text = self._call(lambda backend: backend.get_password(self._service, item), writes=False)
        return None if text is None else _decode(text, item, self._service)

    def put(self, item: str, document: Mapping[str, str]) -> None:
        text = _encode(document)

        def write(backend: Backend) -> str | None:
            # keyring on macOS deletes and adds anew, which drops the person's "Always Allow": only where it differs.
            if backend.get_password(self._service, item) != text:
                backend.set_password(self._service, item, text)
            return backend.get_password(self._service, item)

        if self._call(write, writes=True) != text:
            raise Unknown(
                "keychain_item_differs",
                f"The keychain item {item} reads back differently from what was written.",
                money="No order was sent.",
                todo="Look at the item in the keychain, remove it and try again.",
            )

    def delete(self, item: str) -> bool:
        def remove(backend: Backend) -> bool:
            if backend.get_password(self._service, item) is None:
                return False
            backend.delete_password(self._service, item)
            return True

        return self._call(remove, writes=True)

    def hurry(self, seconds: float) -> None:
        """As `Vault`; a prompt that is on the screen stays there until it is answered, or the process has ended."""
        with self._turn:
            self._timeout, self._hurried = min(self._timeout, seconds), True
            if self._waiting is not None:
                self._waiting.cancel()
            self._turn.notify_all()

    def _call(self, work: Callable[[Backend], T], *, writes: bool) -> T:
        """Run the work in a thread of its own that a hanging prompt may keep, and that no exit waits for."""
        answer, ends = self._take_turn()

        def run() -> None:
            try:
                told, error = work(self._backend()), None
            except BaseException as caught:  # noqa: BLE001 -- handed to the caller's thread, and mapped there
                told, error = None, caught
            with self._turn:
                self._pass_on()
                if answer.cancelled():
                    return
                answer.set_result((told, error))

        try:
            threading.Thread(target=run, name="keychain", daemon=True).start()
        except RuntimeError:  # as many threads as the system allows: the next call may have one again
            with self._turn:
                self._pass_on()
            raise
        try:
            told, error = answer.result(max(0.0, ends - time.monotonic()))
        except (TimeoutError, CancelledError):
            message = f"The keychain did not answer within {self._timeout:g} seconds."
            raise _timeout(message, writes=writes) from None
        if error is not None:
            raise _mapped(error, self._service) from None
        return told  # type: ignore[no-any-return]  # without an error it is the work's own

    def _take_turn(self) -> tuple[Future[Any], float]:
        """Wait for the call before this one; what holds the answer to this one, and until when. Errors as `get`."""
        begun = time.monotonic()
        with self._turn:
            was = self._hurried
            free = self._turn.wait_for(lambda: not self._taken or self._hurried is not was, self._timeout)
            if not free or self._taken:
                raise _timeout("An earlier call to the keychain is still waiting.", writes=False)
            self._taken = True
            self._waiting = Future()
            return self._waiting, (begun if was else time.monotonic()) + self._timeout

    def _pass_on(self) -> None:
        """The turn is free; the lock is held."""
        self._taken, self._waiting = False, None
        self._turn.notify()

    def _backend(self) -> Backend:
        if self._opened is None:
            backend = self._open()
            module = type(backend).__module__
            if module.startswith(_REFUSED_BACKENDS):
                raise Denied(
                    "keychain_backend_refused",
                    f"{module} does not keep secrets in the system's keychain.",
                    money="Nothing was stored.",
                    todo="Use the keychain of macOS, or a Secret Service such as gnome-keyring on Linux.",
                )
            self._opened = backend
        return self._opened


def _encode(document: Mapping[str, str]) -> str:
    text = json.dumps({"version": VERSION, "values": dict(document)}, sort_keys=True, ensure_ascii=True)
    if len(text) > MAX_DOCUMENT_BYTES:
        raise Invalid(
            "document_too_large",
            f"A keychain document is {len(text)} bytes long; {MAX_DOCUMENT_BYTES} are allowed.",
            todo="Keep less in it.",
        )
    return text


def _decode(text: str, item: str, service: str) -> dict[str, str]:
    try:
        document = json.loads(text)
        values = document["values"]
        if document["version"] == VERSION and all(isinstance(value, str) for value in values.values()):
            return dict(values)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass  # said below without the text, which is a secret
    raise Denied(
        "keychain_item_damaged",
        f"The keychain item {item} of {service} is not one that this version of Mooring wrote.",
        money="No order was sent.",
        todo="Remove the item in the keychain; Mooring makes a new one.",
    )


def _mapped(error: BaseException, service: str) -> BaseException:
    """The keychain's error by what the person must do; never with its text, which may hold what was to be stored."""
    from keyring.errors import InitError, KeyringError, KeyringLocked, NoKeyringError  # noqa: PLC0415

    cause = error.__cause__
    status = cause.args[0] if cause is not None and cause.args else None
    if isinstance(error, NoKeyringError):
        return _no_keychain("No keychain answers in this session.")
    if type(cause).__name__ == "KeychainDenied":
        return _denied("The keychain refused access to Mooring's item.", service)
    if isinstance(error, KeyringLocked) or status == _MACOS_NO_INTERACTION or _dismissed(error):
        return Denied(
            "keychain_locked",
            "The keychain is locked, and nobody is there to unlock it.",
            money="Nothing was stored and no order was sent.",
            todo="Unlock it by signing in to the desktop (macOS: security unlock-keychain), then start again.",
        )
    if isinstance(error, (InitError, OSError)) or type(error).__module__.startswith(("secretstorage", "jeepney")):
        return _no_keychain("The keychain service went away or does not answer.")
    if isinstance(error, KeyringError):
        return _denied(
            f"The keychain failed ({type(error).__name__}{f' {status}' if isinstance(status, int) else ''}).",
            service,
        )
    return error


def _dismissed(error: BaseException) -> bool:
    """Without a default collection a locked keyring asks to create one; nobody there to answer counts as dismissed."""
    return type(error.__cause__).__name__ == "PromptDismissedException"


def _no_keychain(what: str) -> Denied:
    return Denied(
        "no_keychain",
        what,
        money="Mooring keeps no secret in a file, so it did not start; no order was sent.",
        todo="Sign in to a desktop session (Linux: install and start gnome-keyring), or try `mooring demo`.",
    )


def _denied(what: str, service: str) -> Denied:
    return Denied(
        "keychain_denied",
        what,
        money="Nothing was stored and no order was sent.",
        todo=f"Allow Mooring in the keychain's prompt, or remove its item {service} and start again.",
    )


def _timeout(what: str, *, writes: bool) -> Denied | Unknown:
    kind = Unknown if writes else Denied
    return kind(
        "keychain_timeout",
        what,
        money="It is not known whether the item was written; no order was sent." if writes else "No order was sent.",
        todo="Answer the keychain's prompt on the screen, then start again.",
    )
