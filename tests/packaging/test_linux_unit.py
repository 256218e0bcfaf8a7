"""The unit for who installs by hand is the one that `mooring up` writes."""

from __future__ import annotations

from pathlib import Path

from mooring.daemon.supervision.unit import unit

UNIT = Path(__file__).resolve().parents[2] / "packaging" / "linux" / "mooring.service"


def test_it_is_what_up_writes_with_systemds_own_word_for_the_persons_folder():
    lines = UNIT.read_text().splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("#") or "do not get better" in line)
    assert text == unit(("%h/.local/bin/mooring", "run"), quoted=False)
