"""Signing, notarising and the disk image, against stand-ins for Apple's programs that note how they are called."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest

from mooring import __version__

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "packaging").rglob("*.sh"))
IDENTITY = "Developer ID Application: Somebody (ABCDE12345)"
KEY = {"NOTARY_KEY": "key.p8", "NOTARY_KEY_ID": "K1", "NOTARY_ISSUER": "issuer"}
STAND_IN = """#!/bin/bash
printf '%s' "$(basename "$0")" >>"$CALLS"; printf '\\t%s' "$@" >>"$CALLS"; printf '\\n' >>"$CALLS"
case "$(basename "$0") $*" in $BUSY) [ -e "$CALLS.busy" ] || { touch "$CALLS.busy"; exit 1; } ;; esac
case "$(basename "$0") $*" in
  $FAILS) exit 1 ;;
  file*.txt) echo "ASCII text" ;;
  file*) echo "Mach-O 64-bit dynamically linked shared library arm64" ;;
  ditto*-c*) touch "${@: -1}" ;;
  ditto*) cp -R "$1" "$2" ;;
  "hdiutil create"*) touch "${@: -1}" ;;
  "xcrun notarytool"*) echo "{\\"id\\": \\"1\\", \\"status\\": \\"$ANSWER\\"}" ;;
esac
"""


class Mac:
    """A machine with stand-ins, and a checkout with an application in it."""

    def __init__(self, root: Path) -> None:
        self.tree, self.bin, self.calls = root / "tree", root / "bin", root / "calls.txt"
        shutil.copytree(ROOT / "packaging", self.tree / "packaging")
        shutil.copy(ROOT / "pyproject.toml", self.tree)
        self.bin.mkdir()
        for name in ("codesign", "xcrun", "hdiutil", "ditto", "spctl", "file", "sleep"):
            (self.bin / name).write_text(STAND_IN)
            (self.bin / name).chmod(0o755)
        app = self.tree / "dist" / "Mooring.app" / "Contents"
        for name in (
            "MacOS/mooring",
            "MacOS/mooring-menubar",
            "Frameworks/deep/below/a.so",
            "Frameworks/lib b.dylib",
            "Frameworks/Qt.framework/Versions/A/Qt",
            "Frameworks/words.txt",
            "Resources/page.html",
        ):
            (app / name).parent.mkdir(parents=True, exist_ok=True)
            (app / name).touch()
        (app / "Frameworks" / "link.so").symlink_to("deep/below/a.so")

    def run(
        self, script: str, *args: str, fails: str = "-", busy: str = "-", answer: str = "Accepted", **env: str
    ) -> tuple[int, str]:
        self.calls.write_text("")
        own = {
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "CALLS": str(self.calls),
            "FAILS": fails,
            "ANSWER": answer,
            "BUSY": busy,
        }
        done = subprocess.run(
            [str(self.tree / "packaging" / "macos" / script), *args],
            env=own | env, capture_output=True, text=True, check=False, cwd="/",
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def asked(self, program: str) -> list[list[str]]:
        lines = [line.split("\t") for line in self.calls.read_text().splitlines()]
        return [line[1:] for line in lines if line[0] == program]


@pytest.fixture
def mac(tmp_path: Path) -> Mac:
    return Mac(tmp_path)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_each_script_can_be_read(script: Path) -> None:
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    if shutil.which("shellcheck"):
        done = subprocess.run(["shellcheck", "-x", str(script)], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("script", "env", "lacking"),
    [
        ("sign.sh", {}, "CODESIGN_IDENTITY"),
        ("notarize.sh", {}, "NOTARY_KEY"),
        ("notarize.sh", {"NOTARY_KEY": "k", "NOTARY_KEY_ID": "i"}, "NOTARY_ISSUER"),
    ],
)
def test_without_credentials_nothing_is_done_and_it_says_why(mac: Mac, script: str, env: dict[str, str], lacking: str):
    status, said = mac.run(script, **env)
    assert status == 0
    assert f"skipped, since {lacking} is not set" in said
    assert mac.calls.read_text() == ""


@pytest.mark.parametrize("script", ["sign.sh", "notarize.sh", "dmg.sh"])
def test_without_an_application_it_fails(mac: Mac, script: str) -> None:
    shutil.rmtree(mac.tree / "dist")
    status, said = mac.run(script, CODESIGN_IDENTITY=IDENTITY, **KEY)
    assert status == 1
    assert "there is no dist/Mooring.app" in said


def test_it_is_signed_inside_out_with_the_hardened_runtime_and_then_checked(mac: Mac) -> None:
    status, said = mac.run("sign.sh", CODESIGN_IDENTITY=IDENTITY)
    assert status == 0, said
    *signs, check = mac.asked("codesign")
    names = [Path(call[-1]).name for call in signs]
    assert sorted(names[:3]) == ["Qt", "a.so", "lib b.dylib"], "links and texts are not signed"
    assert names[3] == "Qt.framework"
    assert sorted(names[4:6]) == ["mooring", "mooring-menubar"]
    assert names[6:] == ["Mooring.app"]
    for call in signs:
        assert call[:6] == ["--force", "--timestamp", "--options", "runtime", "--sign", IDENTITY]
    assert [("--entitlements" in call) for call in signs] == [False] * 4 + [True] * 3
    assert check == ["--verify", "--deep", "--strict", "--verbose=2", "dist/Mooring.app"]


@pytest.mark.parametrize("fails", ["codesign*a.so", "codesign*--verify*"])
def test_one_library_that_cannot_be_signed_or_a_signature_that_does_not_hold_fails_it(mac: Mac, fails: str) -> None:
    status, said = mac.run("sign.sh", CODESIGN_IDENTITY=IDENTITY, fails=fails)
    assert status != 0
    assert "signed and checked" not in said


def test_the_application_is_sent_as_an_archive_and_apples_answer_is_stapled_to_it(mac: Mac) -> None:
    status, said = mac.run("notarize.sh", **KEY)
    assert status == 0, said
    submit, staple, validate = mac.asked("xcrun")
    assert submit[:2] == ["notarytool", "submit"]
    assert submit[2].endswith("Mooring.zip")
    assert submit[3:10] == ["--key", "key.p8", "--key-id", "K1", "--issuer", "issuer", "--wait"]
    assert staple == ["stapler", "staple", "dist/Mooring.app"]
    assert validate == ["stapler", "validate", "dist/Mooring.app"]
    assert mac.asked("spctl") == [["--assess", "--type", "execute", "--verbose=2", "dist/Mooring.app"]]


def test_what_apple_does_not_accept_is_not_stapled(mac: Mac) -> None:
    status, said = mac.run("notarize.sh", answer="Invalid", **KEY)
    assert status == 1
    assert "did not accept" in said
    assert len(mac.asked("xcrun")) == 1


def test_a_profile_of_the_keychain_takes_the_place_of_a_key(mac: Mac) -> None:
    assert mac.run("notarize.sh", NOTARY_PROFILE="mooring")[0] == 0
    assert mac.asked("xcrun")[0][3:5] == ["--keychain-profile", "mooring"]


@pytest.mark.parametrize("identity", [IDENTITY, ""])
def test_the_disk_image_is_made_and_signed_where_there_is_an_identity(mac: Mac, identity: str) -> None:
    status, said = mac.run("dmg.sh", CODESIGN_IDENTITY=identity)
    assert status == 0, said
    (image,) = (mac.tree / "dist").glob("*.dmg")
    assert image.name == f"Mooring-{__version__}-{os.uname().machine}.dmg"
    create, verify = mac.asked("hdiutil")
    assert create[:3] == ["create", "-volname", f"Mooring {__version__}"]
    assert verify == ["verify", f"dist/{image.name}"]
    assert len(mac.asked("codesign")) == bool(identity)
    assert image.with_name(image.name + ".sha256").read_text().endswith(f"  {image.name}\n")


def test_a_volume_that_something_holds_for_a_moment_is_tried_again_and_one_that_is_held_for_good_is_an_error(
    mac: Mac,
) -> None:
    status, said = mac.run("dmg.sh", busy="hdiutil create*")
    assert status == 0, said
    assert [call[0] for call in mac.asked("hdiutil")] == ["create", "create", "verify"]
    assert mac.asked("sleep") == [["5"]]
    status, said = mac.run("dmg.sh", fails="hdiutil create*")
    assert status == 1
    assert "hdiutil made no dist/" in said
    assert len(mac.asked("hdiutil")) == 4


def test_disk_images_are_left_to_macs(mac: Mac) -> None:
    (mac.bin / "hdiutil").unlink()
    status, said = mac.run("dmg.sh")
    assert status == 0
    assert "skipped, since hdiutil is not here" in said


def test_there_is_no_exception_from_the_hardened_runtime() -> None:
    content = (ROOT / "packaging/macos/entitlements.plist").read_bytes()
    assert plistlib.loads(content) == {}
    assert b"<!--" not in content, "what reads entitlements in macOS may refuse a file with a comment"
