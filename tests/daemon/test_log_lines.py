from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mooring.daemon import log_lines
from mooring.daemon.log_lines import following, last_lines
from mooring.secrets.redaction import Redactor


def same(value: Any) -> Any:
    return value


def write(path: Path, *lines: object) -> None:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))


def test_the_last_lines_come_in_the_order_written_over_rotated_files(tmp_path: Path) -> None:
    file = tmp_path / "daemon.log"
    write(file, {"n": 5}, {"n": 6})
    write(tmp_path / "daemon.log.1", {"n": 3}, {"n": 4})
    write(tmp_path / "daemon.log.2", {"n": 1}, {"n": 2})
    assert [line["n"] for line in last_lines(file, 3, same)[0]] == [4, 5, 6]
    assert last_lines(file, 100, same) == ([{"n": n} for n in range(1, 7)], False)


def test_without_a_log_there_are_no_lines(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "daemon.log", 5, same) == ([], False)
    write(tmp_path / "daemon.log.1", {"n": 1})
    assert last_lines(tmp_path / "daemon.log", 5, same) == ([{"n": 1}], False), "it is just being rotated"


def test_half_a_line_comes_as_text(tmp_path: Path) -> None:
    file = tmp_path / "daemon.log"
    file.write_bytes(b'{"n": 1}\n[1]\n{"event": "cut o\xff')
    assert last_lines(file, 5, same)[0] == [{"n": 1}, {"event": "[1]"}, {"event": '{"event": "cut o�'}]


def test_a_secret_that_the_process_knows_by_now_is_taken_out(tmp_path: Path) -> None:
    file = tmp_path / "daemon.log"
    write(file, {"event": "said Canary-secret-word"}, "plain Canary-secret-word")
    lines, _ = last_lines(file, 5, Redactor(known=["Canary-secret-word"]).redact)
    assert lines == [{"event": "said [redacted]"}, {"event": "plain [redacted]"}]


def test_a_link_in_the_logs_place_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "other", {"event": "somebody else's"})
    (tmp_path / "daemon.log").symlink_to(tmp_path / "other")
    assert last_lines(tmp_path / "daemon.log", 5, same) == ([], False)


def test_more_bytes_than_fit_are_cut_and_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "TOTAL_BYTES_MAX", 100)
    file = tmp_path / "daemon.log"
    write(file, *({"event": "x" * 30} for _ in range(10)))
    lines, cut = last_lines(file, 10, same)
    assert (len(lines), cut) == (2, True)
    file.write_text("y" * 1000)
    assert last_lines(file, 10, same) == ([], True)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=40), max_size=30
    ),
    lines=st.integers(1, 40),
    block=st.integers(1, 50),
)
def test_it_reads_as_if_the_whole_file_had_been_read(tmp_path: Path, texts: list[str], lines: int, block: int) -> None:
    file = tmp_path / "daemon.log"
    said = [json.dumps({"event": text}) for text in texts]
    file.write_text("".join(f"{line}\n" for line in said))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_lines, "BLOCK_BYTES", block)
        found, cut = last_lines(file, lines, same)
    assert [line["event"] for line in found] == texts[-lines:]
    assert not cut


def test_what_is_written_afterwards_follows_whole_line_by_whole_line(tmp_path: Path) -> None:
    file = tmp_path / "daemon.log"
    write(file, {"event": "before"})
    new = following(file, same)
    assert new() == []
    with file.open("a") as log:
        log.write('{"event": "a"}\n{"ev')
        log.flush()
        assert [line["event"] for line in new()] == ["a"]
        log.write('ent": "b"}\n')
    assert [line["event"] for line in new()] == ["b"]


def test_following_goes_on_over_a_full_file(tmp_path: Path) -> None:
    file = tmp_path / "daemon.log"
    write(file, {"event": "before"})
    new = following(file, same)
    with file.open("a") as log:
        log.write('{"event": "last"}\n')
    file.rename(tmp_path / "daemon.log.1")
    write(file, {"event": "first"})
    assert [line["event"] for line in new()] == ["last", "first"]


def test_following_begins_where_there_is_no_file_yet(tmp_path: Path) -> None:
    new = following(tmp_path / "daemon.log", same)
    assert new() == []
    write(tmp_path / "daemon.log", {"event": "first"})
    assert [line["event"] for line in new()] == ["first"]
