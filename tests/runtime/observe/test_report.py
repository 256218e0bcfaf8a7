from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from mooring.daemon.present import UNITS
from mooring.errors import Conflict, Invalid, NotFound, Unverified
from mooring.runtime.domain.codes import Reason
from mooring.runtime.observe import period
from mooring.runtime.observe.history import load_account
from mooring.runtime.observe.reasons import REFUSED
from mooring.runtime.observe.report import ReportRequest, render, write_report
from mooring.runtime.observe.report_data import collect
from mooring.runtime.portfolio import treasury
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.store import Store
from tests.runtime.observe.conftest import MARKET
from tests.support import core, runs

MONEY = Decimal(1).scaleb(-8)
VOID = {"meta", "br", "hr", "img", "link"}
FIRST_DAY, LAST_DAY = "2021-05-12", "2021-05-21"  # 240 hours from 2021-05-12 00:00 UTC
WEEK = "2021-W19"  # 10 to 16 May: begins before the account does


class Page(HTMLParser):
    """A document taken apart, every tag closed."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.open, self.words = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def data_of(reader, made):
    return collect(reader, load_account(reader), reader.heads(), made)


def day_page(reader, date=LAST_DAY):
    return Page(render(data_of(reader, period.day(date))))


def recorded(reader, kind):
    return [row for run in load_account(reader).runs for row in reader.scan(kind, run["run_id"])]


def test_every_day_is_what_the_records_of_its_hours_are_and_all_days_together_are_everything(reader):
    equity, trades, fills = (recorded(reader, kind) for kind in ("equity", "trades", "fills"))
    days = [data_of(reader, period.day(f"2021-05-{n}")) for n in range(12, 22)]
    assert [row["seq"] for day in days for row in day.equity] == [row["seq"] for row in equity]
    assert [row["seq"] for day in days for row in day.trades] == [row["seq"] for row in trades]
    assert sum(day.total.fees for day in days) == sum(row["fee"] for row in fills)
    for before, after in pairwise(days):
        assert before.closing_equity == after.opening_equity
        assert after.opening is not None
    assert days[0].opening is None
    assert days[0].opening_equity == days[0].principal == 10_000 * core.MONEY
    assert days[-1].closing_equity == equity[-1]["equity"]
    for day in days:
        assert day.change == day.total.realised + day.unrealised == sum(line.total for line in day.lines)
        assert (len(day.equity), day.hours_expected, day.so_far) == (24, 24, False)
        assert sum(day.actions.values()) == 24 * 3


def test_a_week_that_begins_before_the_account_counts_its_own_hours_only(reader):
    week = data_of(reader, period.week(WEEK))
    assert (len(week.equity), week.hours_expected, week.so_far) == (120, 120, False)
    next_week = data_of(reader, period.week("2021-W20"))
    assert (len(next_week.equity), next_week.hours_expected, next_week.so_far) == (120, 120, True)
    assert {row["run_id"] for row in week.equity} == {load_account(reader).runs[0]["run_id"]}
    assert {row["run_id"] for row in next_week.equity} == {load_account(reader).runs[1]["run_id"]}


def test_hours_that_are_missing_are_counted(tmp_path):
    bars = core.random_bars(3, 40, 2)
    with Store.open(tmp_path / "m.db") as store:
        for first, last in ((0, 26), (30, 40)):
            runs.run_out(runs.make_engine(store, core.part_of(bars, first, last), runs.plan(2, market=MARKET)))
        data = data_of(store.reader(), period.day("2021-05-13"))
    assert (len(data.equity), data.hours_expected) == (12, 16)
    assert "12 of 16, 4 missing" in Page(render(data)).text


@pytest.mark.parametrize(
    "made", [period.day(FIRST_DAY), period.day(LAST_DAY), period.week(WEEK), period.day("2030-01-01")]
)
def test_a_report_loads_nothing_runs_nothing_and_its_policy_says_so(reader, made):
    text = render(data_of(reader, made))
    page = Page(text)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "foreignobject"}
    for _, attributes in page.tags:
        assert not {name for name in attributes if name.startswith("on")}
        assert not {"style", "src", "href", "xlink:href"} & set(attributes)
    styles = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(styles[1].encode()).digest()).decode()
    [policy] = [
        a["content"] for tag, a in page.tags if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not re.search(r"https?:|url\(|@import|javascript:", text)
    for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ET.fromstring(svg)


def test_a_report_of_a_day_shows_its_figures(reader):
    data, page = data_of(reader, period.day(LAST_DAY)), day_page(reader)
    shown = page.text
    assert "Friday, 21 May 2021" in shown
    assert "UTC" in shown
    assert f"{data.closing_equity * MONEY:,.8f}" in shown
    assert f"{data.opening_equity * MONEY:,.8f}" in shown
    assert data.manifests[-1]["row_hash"] in shown
    assert data.manifests[-1]["root"] in shown
    assert "24 of 24" in shown
    assert "Made-up" not in shown
    assert "fills are simulated" in shown
    for line in data.lines:
        assert line.symbol in shown
    assert shown.count("Trades closed") == 2
    assert len([1 for tag, _ in page.tags if tag == "svg"]) == 4 + len(data.lines)


def test_the_same_records_give_the_same_bytes(reader, recorded_file, tmp_path):
    first = render(data_of(reader, period.week(WEEK)))
    again = Reader.open(runs.copied(recorded_file, tmp_path))
    assert render(data_of(again, period.week(WEEK))) == first
    again.close()


def test_a_day_without_hours_says_so_and_shows_the_equity_before_it(reader):
    data = data_of(reader, period.day("2030-01-01"))
    shown = Page(render(data)).text
    assert "No hour was recorded that day" in shown
    assert "the last hour before" in shown
    assert f"{int(data.closing_equity * MONEY):,}" in shown
    assert "So far" not in shown
    early = Page(render(data_of(reader, period.day("2020-01-01")))).text
    assert "The account was opened later" in early
    assert "10,000.00" in early


def test_an_account_without_an_hour_has_a_report(tmp_path):
    with Store.open(tmp_path / "m.db") as store:
        runs.open_run(runs.plan(2, market=MARKET), store, now=runs.NOW)
        made = write_report(store.reader(), ReportRequest(kind="daily", folder=tmp_path))
    assert (made["label"], made["hours"], made["head"]) == ("2027-01-15", 0, None)
    assert "The account has no hour yet" in Page(Path(made["file"]).read_text()).text


@pytest.mark.parametrize("hours", [1, 2])
def test_one_hour_is_enough(tmp_path, hours):
    with Store.open(tmp_path / "m.db") as store:
        market = '{"demo":true,"source":"synthetic"}'
        runs.run_out(runs.make_engine(store, core.random_bars(1, hours, 2), runs.plan(2, market=market)))
        data = data_of(store.reader(), period.day(FIRST_DAY))
    shown = Page(render(data)).text
    assert f"{hours} of {hours}" in shown
    assert f"So far, until 12 May 0{hours}:00 UTC" in shown
    assert "Made-up prices" in shown
    assert "No trade was closed that day" in shown
    assert "all of it is cash" in shown


def test_shadow_mode_is_told_as_what_it_is(tmp_path):
    with Store.open(tmp_path / "m.db") as store:
        runs.run_out(runs.make_engine(store, core.random_bars(1, 3, 1), runs.plan(1, market=MARKET, mode="shadow")))
        shown = day_page(store.reader(), FIRST_DAY).text
    assert "Shadow: decisions were recorded, nothing was sent." in shown


def test_refused_entries_are_told_with_their_number_and_limit(tmp_path):
    with Store.open(tmp_path / "m.db") as store:
        wanted = runs.plan(3, market=MARKET, risk={"max_open_positions": 1})
        runs.run_out(runs.make_engine(store, core.random_bars(8, 48, 3), wanted))
        reader = store.reader()
        data = data_of(reader, period.day("2021-05-13"))
        refused = [row for row in recorded(reader, "decisions") if row["action"] == "refused"]
    own = [row for row in refused if row["hour_ts_utc"] > data.period.start_ts]
    assert sum(refusal.count for refusal in data.refusals) == len(own) > 0
    most = data.refusals[0]
    assert most.reason == "max_positions"
    assert most.last == [row for row in own if row["reason"] == "max_positions"][-1]
    assert "As many positions open as may be max_positions" in Page(render(data)).text
    assert "1 open, limit 1" in Page(render(data)).text


def test_every_reason_to_refuse_has_words_in_the_unit_that_the_api_gives_it():
    code = (Path(__file__).parents[3] / "mooring/runtime/decision/risk.py").read_text()
    refusing = {name.lower() for name in re.findall(r"refuse\(row, ([A-Z_]+),", code)}
    sizing = {name.lower() for name in re.findall(r"\b(SYMBOL_EXPOSURE|TOTAL_EXPOSURE|NO_CASH)\b", code)}
    assert refusing | sizing == set(REFUSED)
    assert set(REFUSED) <= {reason.name.lower() for reason in Reason}
    for reason, (_, unit, told) in REFUSED.items():
        assert unit == {"switch": "none"}.get(UNITS[reason], UNITS[reason]), reason
        assert ("{" in told) == (unit != "none"), reason


def test_the_recorded_treasury_is_what_the_equity_of_each_hour_gives_over_both_runs(reader):
    state = treasury.init_treasury(data_of(reader, period.week(WEEK)).principal)
    rows = recorded(reader, "treasury")
    assert len(rows) == len(recorded(reader, "equity"))
    for row, equity in zip(rows, recorded(reader, "equity"), strict=True):
        params = treasury.TreasuryParams(*(row[name] for name in treasury.TreasuryParams._fields))
        money = (equity[name] for name in ("equity", "cash", "realised_pnl", "fees_paid"))
        made = treasury.update_treasury(state, params, equity["hour_ts_utc"], *money)
        assert made._asdict().items() <= row.items()


def test_the_treasury_is_told_day_by_day_with_its_recommendation_and_why(reader):
    data = data_of(reader, period.week(WEEK))
    rows = recorded(reader, "treasury")[:120]
    assert data.treasury == [rows[n] for n in (23, 47, 71, 95, 119)]
    shown = Page(render(data)).text
    assert treasury.REASON_TEXTS[rows[-1]["reason"]] in shown
    assert "never withdraws" in shown
    offered = replace(data, treasury=[rows[-1] | {"recommended": 12_345_678_901, "reason": "surplus"}])
    assert "Recommended: 123.45 USD , all of the surplus of the last 30 days" in Page(render(offered)).text
    assert all(f"{n} May" in shown for n in range(12, 17))
    none = Page(render(replace(data, treasury=[]))).text
    assert "The treasury was not recorded that week" in none


def test_alerts_are_told_and_foreign_text_stays_text(reader):
    evil = "<script>alert(1)</script> & \"quoted\" 'so'"
    alert = {"hour_ts_utc": core.START, "severity": "critical", "code": evil, "text": evil, "acknowledged_at": None}
    data = replace(data_of(reader, period.day(LAST_DAY)), alerts=[alert, alert | {"acknowledged_at": 5}])
    text = render(data)
    assert "<script" not in text
    page = Page(text)
    assert page.text.count(evil) == 4
    assert "open" in page.text
    assert "acknowledged" in page.text


def test_long_lists_are_cut_and_say_so(reader):
    data = data_of(reader, period.week(WEEK))
    alert = {"hour_ts_utc": core.START, "severity": "info", "code": "x", "text": "y", "acknowledged_at": 1}
    many = replace(data, trades=[data.trades[0]] * 150, alerts=[alert] * 70)
    shown = Page(render(many)).text
    assert "And 50 before these: mooring export trades has them all." in shown
    assert "And 20 before these." in shown


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE trades SET proceeds = proceeds + 1, pnl = pnl + 1 WHERE seq = 1",
        "UPDATE fills SET fee = fee + 1 WHERE seq = 1",
        "UPDATE equity SET cash = cash + 1, equity = equity + 1 WHERE seq = 120",
        "DELETE FROM trades WHERE seq = 1",
    ],
)
def test_a_report_that_does_not_add_up_is_not_written(recorded_file, tmp_path, sql):
    copy = runs.copied(recorded_file, tmp_path)
    runs.spoil(copy, sql)
    reader = Reader.open(copy)
    with pytest.raises(Unverified) as caught:
        write_report(reader, ReportRequest(kind="weekly", when=WEEK, folder=tmp_path, out=tmp_path / "r.html"))
    reader.close()
    assert (caught.value.code, caught.value.exit_code) == ("report_differs", 6)
    assert not (tmp_path / "r.html").exists()


def test_a_report_is_named_after_its_period_and_never_takes_anothers_place(reader, tmp_path):
    made = write_report(reader, ReportRequest(kind="daily", folder=tmp_path))
    assert Path(made["file"]) == tmp_path / f"mooring-daily-{LAST_DAY}.html"
    assert Path(made["file"]).stat().st_mode & 0o777 == 0o600
    with pytest.raises(Conflict):
        write_report(reader, ReportRequest(kind="daily", folder=tmp_path))
    write_report(reader, ReportRequest(kind="daily", folder=tmp_path, force=True))
    weekly = write_report(reader, ReportRequest(kind="weekly", folder=tmp_path))
    assert (Path(weekly["file"]).name, weekly["label"]) == ("mooring-weekly-2021-W20.html", "2021-W20")
    assert Decimal(weekly["change"]) == Decimal(weekly["realised"]) + Decimal(weekly["unrealised"])


def test_what_is_asked_wrongly_is_refused(reader, tmp_path):
    for request, code in (
        (ReportRequest(kind="monthly", folder=tmp_path), "unknown_kind"),
        (ReportRequest(kind="daily", when="yesterday", folder=tmp_path), "bad_time"),
        (ReportRequest(kind="weekly", when=LAST_DAY, folder=tmp_path), "bad_time"),
        (ReportRequest(kind="daily", out=tmp_path / "no" / "r.html", folder=tmp_path), "cannot_write_file"),
    ):
        with pytest.raises(Invalid) as caught:
            write_report(reader, request)
        assert caught.value.code == code
    with pytest.raises(NotFound):
        write_report(reader, ReportRequest(kind="daily", account_id="nobody", folder=tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("day", ["2021-05-11", "2021-05-23", "1999-01-01"])
def test_a_day_before_or_after_all_hours_is_no_report_of_an_account_that_stood_still(reader, tmp_path, day):
    with pytest.raises(NotFound, match=f"No hour of {day} is recorded") as caught:
        write_report(reader, ReportRequest(kind="daily", when=day, folder=tmp_path))
    assert caught.value.code == "no_such_period"
    assert list(tmp_path.iterdir()) == []
