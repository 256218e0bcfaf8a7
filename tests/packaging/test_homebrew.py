"""The cask of a release is filled from its disk image, and from nothing that could be another's."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mooring.menubar.login import LABEL
from mooring.secrets.vault import SERVICE

FOLDER = Path(__file__).resolve().parents[2] / "packaging" / "homebrew"
URL = "https://example.org/mooring/1.2.3/Mooring-1.2.3-arm64.dmg"
HOMEPAGE = "https://example.org/mooring"


def fill(*args: object, folder: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    line = [str(folder / "fill.sh"), *map(str, args)]
    return subprocess.run(line, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"})


@pytest.fixture
def image(tmp_path: Path) -> Path:
    made = tmp_path / "Mooring-1.2.3-arm64.dmg"
    made.write_bytes(b"an image")
    return made


def test_version_address_and_the_images_own_hash_stand_in_it(image: Path) -> None:
    done = fill("1.2.3", image, URL, HOMEPAGE)
    assert done.returncode == 0, done.stderr
    assert 'version "1.2.3"' in done.stdout
    assert f'sha256 "{hashlib.sha256(b"an image").hexdigest()}"' in done.stdout
    assert f'url "{URL}"' in done.stdout
    assert f'homepage "{HOMEPAGE}"' in done.stdout
    assert not re.search(r"@[A-Z0-9]+@", done.stdout)
    if ruby := shutil.which("ruby"):
        assert subprocess.run([ruby, "-c"], input=done.stdout, text=True, check=False).returncode == 0


def test_what_it_ends_and_removes_is_what_mooring_installs(image: Path) -> None:
    cask = fill("1.2.3", image, URL, HOMEPAGE).stdout
    assert f'"{SERVICE}.daemon", "{LABEL}"' in cask
    assert f"LaunchAgents/{SERVICE}.daemon.plist" in cask
    assert f"LaunchAgents/{LABEL}.plist" in cask
    before_zap = cask.partition("  zap ")[0]
    for kept in ("Application Support", "launchctl", "LaunchAgents"):
        assert kept not in before_zap, "an upgrade or a plain removal leaves every record and what starts at login"
    assert 'args:         ["down"]' in before_zap


@pytest.mark.parametrize(
    ("version", "url", "homepage"),
    [
        ("1.2", URL, HOMEPAGE),
        ('1.2.3"; system("x")', URL, HOMEPAGE),
        ("1.2.4", URL, HOMEPAGE),
        ("1.2.3", URL.replace("https", "http"), HOMEPAGE),
        ("1.2.3", URL + '"#{x}', HOMEPAGE),
        ("1.2.3", URL, "javascript:1"),
    ],
)
def test_what_does_not_fit_makes_no_cask(image: Path, version: str, url: str, homepage: str) -> None:
    done = fill(version, image, url, homepage)
    assert done.returncode == 2
    assert done.stdout == ""


def test_without_an_image_or_with_another_file_there_is_none(image: Path, tmp_path: Path) -> None:
    other = tmp_path / "sum.sha256"
    other.write_text("0" * 64)
    assert fill("1.2.3", tmp_path / "none.dmg", URL, HOMEPAGE).returncode == 2
    assert fill("1.2.3", other, URL, HOMEPAGE).returncode == 2
    assert fill("1.2.3", image, URL).returncode == 2


def test_a_template_that_asks_for_more_than_is_known_makes_none(image: Path, tmp_path: Path) -> None:
    for name in ("fill.sh", "mooring.rb.in"):
        shutil.copy(FOLDER / name, tmp_path / name)
    with (tmp_path / "mooring.rb.in").open("a") as template:
        template.write("@OTHER@\n")
    done = fill("1.2.3", image, URL, HOMEPAGE, folder=tmp_path)
    assert done.returncode == 2
    assert "@OTHER@" in done.stderr
