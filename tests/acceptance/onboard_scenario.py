"""A person connects a key, told as facts; run within a keyring session by test_onboard_program.

The look-alike and its key are made here; nothing prints the private key.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keyring.backends import SecretService

from mooring.home import usual_home
from mooring.secrets.vault import service_of
from tests.acceptance.program import begin, command

ITEM = "kraken-look-alike"


@contextlib.contextmanager
def look_alike(*options: str) -> Iterator[dict[str, str]]:
    process = begin("simulate", "kraken", "--symbols", "BTC-USD", "--speed", "60", *options)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def variables(said: dict[str, str]) -> dict[str, str]:
    return {
        "MOORING_VENUE__REST_URL": said["rest"],
        "MOORING_VENUE__WS_URL": said["ws"],
        "MOORING_VENUE__WS_AUTH_URL": said["ws_auth"],
    }


def run(home: Path, said: dict[str, str], *args: str, stdin: str | None = None) -> dict[str, Any]:
    """`mooring onboard kraken` with these options; how it ended and what it wrote."""
    done = subprocess.run(
        command("--home", home, "onboard", "kraken", *args),
        env=os.environ | variables(said),
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return {"status": done.returncode, "out": done.stdout, "err": done.stderr}


def typed(home: Path, said: dict[str, str], *lines: str) -> dict[str, Any]:
    """The same on a terminal, where a person pastes a line after each prompt; `out` is all that the screen shows."""
    terminal, far = pty.openpty()
    process = subprocess.Popen(
        command("--home", home, "onboard", "kraken"),
        env=os.environ | variables(said) | {"TERM": "dumb"},
        stdin=far,
        stdout=far,
        stderr=far,
        start_new_session=True,
    )
    os.close(far)
    shown, pasted, ends = b"", 0, time.monotonic() + 60
    while time.monotonic() < ends:
        ready, _, _ = select.select([terminal], [], [], 0.1)
        if ready:
            try:
                data = os.read(terminal, 4096)
            except OSError:
                data = b""
            if not data:
                break
            shown += data
        prompts = shown.count(b"API key: ") + shown.count(b"Private key: ")
        if pasted < min(prompts, len(lines)):
            os.write(terminal, f"{lines[pasted]}\n".encode())
            pasted += 1
    os.close(terminal)
    return {"status": process.wait(10), "out": shown.decode(errors="replace"), "err": ""}


def kept(home: Path) -> dict[str, str] | None:
    """What the keychain holds, of whatever version."""
    backend, service = SecretService.Keyring(), service_of(home.resolve(), usual_home())
    texts = [backend.get_password(service, f"{ITEM}/v{version}") for version in range(1, 9)]
    (text,) = [text for text in texts if text is not None] or [None]
    return None if text is None else dict(json.loads(text)["values"])


def with_a_daemon(home: Path, said: dict[str, str], other: dict[str, str], secrets: list[str]) -> dict[str, Any]:
    """The same through a daemon that runs, and what can be read of its process."""
    facts: dict[str, Any] = {}
    said_line = json.dumps(said) + "\n"
    with running(home, said) as pid:
        facts["daemon: unknown"] = run(home, said, "--stdin", "--json", stdin=json.dumps(other) + "\n")
        facts["daemon: swapped"] = run(home, said, "--stdin", stdin=f"{said['api_secret']}\n{said['api_key']}\n")
        facts["daemon: good"] = run(home, said, "--stdin", "--json", stdin=said_line)
        facts["daemon: kept"] = (kept(home) or {}).get("key") == said["api_key"]
        facts["daemon: secrets"] = command_of(home, said, "secrets", "list", "--json")
        facts["daemon: rotate"] = command_of(home, said, "secrets", "rotate-token")
        facts["daemon: remove"] = run(home, said, "--remove")
        facts["daemon: check"] = run(home, said, "--check-old", "--json")
        facts["daemon: kept at last"] = kept(home) is not None
        facts["daemon: typed"] = typed(home, said, said["api_key"], said["api_secret"])
        own = [Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
        facts["in processes"] = any(secret.encode() in text for secret in secrets for text in own)
        facts["environment seen"] = b"MOORING_VENUE__REST_URL" in own[1]
    facts["daemon: rotate while off"] = command_of(home, said, "secrets", "rotate-token", "--json")
    return facts


@contextlib.contextmanager
def running(home: Path, said: dict[str, str]) -> Iterator[int]:
    """A daemon of this home, by its process id."""
    told = home / "run" / "control.json"
    process = subprocess.Popen(
        command("--home", home, "run"),
        env=os.environ | variables(said),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        ends = time.monotonic() + 60
        while not told.exists() and process.poll() is None and time.monotonic() < ends:
            time.sleep(0.02)
        yield process.pid
    finally:
        process.terminate()
        process.communicate(timeout=60)


def command_of(home: Path, said: dict[str, str], *args: str) -> dict[str, Any]:
    """Another command of this home; how it ended and what it wrote."""
    done = subprocess.run(
        command("--home", home, *args),
        env=os.environ | variables(said),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return {"status": done.returncode, "out": done.stdout, "err": done.stderr}


def story(home: Path) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    with look_alike() as said, look_alike("--seed", "9", "--rights", "query-funds,withdraw-funds") as other:
        key = {"key": said["api_key"], "secret": said["api_secret"]}
        facts["ends"] = said["api_key"][-4:]
        facts["before"] = run(home, said, "--status", "--json")
        facts["without a terminal"] = run(home, said, "--json")
        facts["swapped"] = run(home, said, "--stdin", "--json", stdin=f"{key['secret']}\n{key['key']}\n")
        facts["dangerous"] = run(home, other, "--stdin", stdin=json.dumps(other) + "\n")
        facts["dangerous, json"] = run(home, other, "--stdin", "--json", stdin=json.dumps(other) + "\n")
        facts["kept after refusals"] = kept(home) is not None
        facts["two lines"] = run(home, said, "--stdin", "--json", stdin=f"{key['key']}\n{key['secret']}\n")
        facts["kept"] = kept(home) == key
        facts["status"] = run(home, said, "--status")
        facts["simulator's line"] = run(home, said, "--stdin", "--json", stdin=json.dumps(said) + "\n")
        facts["remove"] = run(home, said, "--remove", "--json")
        facts["remove again"] = run(home, said, "--remove")
        facts["kept after removal"] = kept(home) is not None
        facts["typed"] = typed(home, said, key["key"], key["secret"])
        facts["kept after typing"] = kept(home) == key
        secrets = [*key.values(), other["api_key"], other["api_secret"]]
        facts |= with_a_daemon(home, said, other, secrets)
        facts["seen"] = [name for name, fact in facts.items() if any(one in str(fact) for one in secrets)]
        files = [path for path in home.rglob("*") if path.is_file()]
        facts["files"] = sorted(path.relative_to(home).parts[0] for path in files)
        facts["in files"] = [str(path) for path in files if any(one.encode() in path.read_bytes() for one in secrets)]
    facts["venue gone"] = run(home, said, "--stdin", "--json", stdin=json.dumps(said) + "\n")
    return facts


def main(home: str) -> None:
    """Tell the facts on standard output."""
    sys.stdout.write(json.dumps(story(Path(home))))
