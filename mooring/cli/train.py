"""`mooring train`: models from recorded bars."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from mooring.cli.bundle_keys import KeyOption, PassphraseOption, signers_of
from mooring.cli.context import HomeOption, JsonOption, hint, home_of, put_json, say, wants_json
from mooring.cli.local import FromOption, parse_symbols, parse_time
from mooring.errors import Invalid

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner

    from mooring.runtime.domain.bars import Bars
    from mooring.runtime.domain.instruments import Instrument
    from mooring.runtime.research.training.continuous import Publisher
    from mooring.runtime.research.training.train import Request, Told, Trained
    from mooring.settings import Settings

GATES_MISSED: Final = 3  # as where a safety gate refuses
FIRST_PERCENT: Final = 40
PHASES: Final = {"data": "Reading bars", "learn": "Training", "judge": "Judging", "write": "Writing"}

BarsOption = Annotated[
    Path | None,
    typer.Option("--bars", help="Directory of recorded bars, <SYMBOL>/1h.parquet (default: market.bars_dir)."),
]
SymbolsOption = Annotated[
    str | None,
    typer.Option("--symbols", help="Symbols like BTC-USDT,ETH-USDT (default: market.symbols).", metavar="A,B"),
]
OutOption = Annotated[Path, typer.Option("--out", help="Folder to write; a bundle is built from it.", metavar="RUN")]
WorkOption = Annotated[
    Path | None, typer.Option("--work", help="Folder of what is finished on the way (default: RUN.work).")
]
ToOption = Annotated[str | None, typer.Option("--to", help="First day no more (UTC).")]
FoldsOption = Annotated[int, typer.Option("--folds", help="Tests, one after the other.")]
HorizonOption = Annotated[int, typer.Option("--horizon", help="Hours after which a label's trade ends.")]
TargetOption = Annotated[int, typer.Option("--target", help="Its target above the entry, in percent of the ATR.")]
StopOption = Annotated[int, typer.Option("--stop", help="Its stop below the entry, in percent of the ATR.")]
EmbargoOption = Annotated[int, typer.Option("--embargo", help="Further hours left out before each test.")]
RollingOption = Annotated[int, typer.Option("--rolling", help="Most hours to learn from; 0 is all.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Of everything that draws.")]
JobsOption = Annotated[
    int | None, typer.Option("--jobs", help="Processes at once; 0 is one for each processor (default: training.jobs).")
]
BackendOption = Annotated[str | None, typer.Option("--backend", help="local or dask (default: training.backend).")]
NameOption = Annotated[str, typer.Option("--name", help="Id of the bundle.")]
VersionOption = Annotated[str, typer.Option("--version", help="Of the models (default: the month of the last bar).")]
ContinuousOption = Annotated[
    bool, typer.Option("--continuous", help="Train again and again, with the newest bars; RUN then holds all runs.")
]
EveryOption = Annotated[
    int | None, typer.Option("--every-hours", help="Hours between two trainings (default: training.every_hours).")
]
PublishOption = Annotated[
    Path | None,
    typer.Option(
        "--publish-to",
        help="Publisher's folder; what keeps every gate and beats holding goes to its canary channel.",
        metavar="DIR",
    ),
]
ResumeOption = Annotated[
    bool, typer.Option("--resume/--anew", help="Go on with what an earlier call finished, or begin anew.")
]


def train(
    ctx: typer.Context,
    out: OutOption,
    bars: BarsOption = None,
    symbols: SymbolsOption = None,
    from_: FromOption = None,
    to: ToOption = None,
    work: WorkOption = None,
    folds: FoldsOption = 6,
    horizon: HorizonOption = 72,
    target: TargetOption = 600,
    stop: StopOption = 600,
    embargo: EmbargoOption = 24,
    rolling: RollingOption = 0,
    seed: SeedOption = 1,
    jobs: JobsOption = None,
    backend: BackendOption = None,
    name: NameOption = "mooring-core",
    version: VersionOption = "",
    resume: ResumeOption = True,
    continuous: ContinuousOption = False,
    every_hours: EveryOption = None,
    publish_to: PublishOption = None,
    key: KeyOption = None,
    passphrase_fd: PassphraseOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Train models on recorded bars, judge them out of sample, and write a run that a bundle is built from.

    Stopped or killed at any moment, the same command goes on. It ends with 3 where a gate was missed: the run is
    written then too, and no bundle can be made of it.

    Example: mooring train --bars bars --symbols BTC-USDT,ETH-USDT --out runs/2026-11
    """
    here = home_of(ctx, home)
    as_json = wants_json(ctx, json)
    from mooring.runtime.market.clock import SystemClock  # noqa: PLC0415 -- not needed for --help
    from mooring.runtime.research.training import train as training  # noqa: PLC0415
    from mooring.runtime.research.training.learn import require_libraries  # noqa: PLC0415

    require_libraries()
    settings = _settings(here.root, jobs=jobs, backend=backend, every_hours=every_hours)
    place = _Place(bars=bars, symbols=symbols, first=parse_time(from_, "--from"), end=parse_time(to, "--to"))
    walk = {"folds": folds, "horizon": horizon, "target": target, "stop": stop, "embargo": embargo, "rolling": rolling}
    request, load = _request(settings, place, walk | {"seed": seed}, out=out, work=work, name=name, version=version)
    if not resume:
        training.forget(request)
    if continuous:
        _keep_on(request, load, publisher_of(publish_to, signers_of(key or [], here, passphrase_fd)), as_json=as_json)
        return
    with progress() as told:
        done = training.train(request, SystemClock(), told)
    _show(done, as_json=as_json)
    if not done.passed:
        raise typer.Exit(GATES_MISSED)


class _Place(NamedTuple):
    """Which bars: as the options say them, times as UTC unix seconds."""

    bars: Path | None
    symbols: str | None
    first: int | None
    end: int | None


def _settings(root: Path, *, jobs: int | None, backend: str | None, every_hours: int | None) -> Settings:
    from mooring.settings import load_settings  # noqa: PLC0415 -- not needed for --help

    stated = {"training.jobs": jobs, "training.backend": backend, "training.every_hours": every_hours}
    return load_settings(root, os.environ, overrides={key: value for key, value in stated.items() if value is not None})


def _loader(settings: Settings, place: _Place) -> tuple[tuple[Instrument, ...], Callable[[], Bars]]:
    """The universe, and what reads its bars anew each time."""
    from mooring.runtime.market.archive import load_bars  # noqa: PLC0415 -- not needed for --help
    from mooring.runtime.market.universe import instruments  # noqa: PLC0415

    where = place.bars or (Path(settings.market.bars_dir) if settings.market.bars_dir else None)
    if where is None:
        raise Invalid(
            "no_bars_named",
            "No directory of recorded bars is named.",
            money="Nothing was trained.",
            todo="Give --bars, or set market.bars_dir.",
        )
    listed = instruments(parse_symbols(place.symbols) if place.symbols else settings.market.symbols)
    return listed, lambda: load_bars(where, listed, start=place.first, end=place.end)


def _request(
    settings: Settings, place: _Place, walk: Mapping[str, int], *, out: Path, work: Path | None, name: str, version: str
) -> tuple[Request, Callable[[], Bars]]:
    """What to train, and what reads its bars again.

    Raises:
        Invalid: an option is outside its bounds, or there are no such bars.
    """
    from mooring.runtime.research.training import train as training  # noqa: PLC0415 -- not needed for --help
    from mooring.runtime.research.training.folds import FoldPlan  # noqa: PLC0415
    from mooring.runtime.research.training.workers import Workers  # noqa: PLC0415

    listed, load = _loader(settings, place)
    folds = FoldPlan(
        folds=walk["folds"],
        first_percent=FIRST_PERCENT,
        horizon_bars=walk["horizon"],
        embargo_bars=walk["embargo"],
        rolling_hours=walk["rolling"],
    )
    plan = training.plan_for(
        settings,
        horizon=walk["horizon"],
        target=walk["target"],
        stop=walk["stop"],
        folds=folds,
        seed=walk["seed"],
    )
    wanted = settings.training
    request = training.Request(
        bars=load(),
        instruments=listed,
        plan=plan,
        settings=settings,
        out=out,
        work=work or out.with_name(f"{out.name}.work"),
        workers=Workers(
            jobs=wanted.jobs or os.cpu_count() or 1, backend=wanted.backend, scheduler=wanted.scheduler or ""
        ),
        bundle_id=name,
        version=version,
    )
    return request, load


@contextmanager
def progress() -> Iterator[Told]:
    """Bars on a terminal's standard error, one for each phase; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _phase, _done, _total: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress, TaskID  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as shown:
        tasks: dict[str, TaskID] = {}

        def told(phase: str, done: int, total: int) -> None:
            if phase not in tasks:
                tasks[phase] = shown.add_task(PHASES[phase], total=total)
            shown.update(tasks[phase], completed=done, total=total)

        yield told


def _show(done: Trained, *, as_json: bool) -> None:
    if as_json:
        facts = {"run": str(done.out), "passed": done.passed, "beats_baselines": done.beats_baselines}
        put_json(facts | done.report)
        return
    said = done.report["summary"]
    say(f"Model {done.version}: {done.out}")
    say(f"Out of sample, after costs: {said['net_return']} {said['uncertainty']} a fold, over {said['folds']} folds.")
    say(f"Worst drawdown {said['worst_drawdown']}, {said['trades']} trades; {said['baseline']}.")
    say(f"Beats buying and holding: {said['beats_baseline']}.")
    for gate in done.report["gates"]:
        if not gate["kept"]:
            hint(f"Gate missed: {_missed(gate)}")
    if not done.passed:
        hint("No bundle is built of it.")
    elif done.beats_baselines:
        say(f"Every gate is kept. Next: mooring bundle build {done.out} --repository PUBLISHER")
    else:
        for one in done.report["baselines"]:
            if not one["kept"]:
                hint(f"Not for everybody: {_missed(one)}")
        say("Every gate is kept, but nothing says that it does better than holding and the classical strategies.")
        say(f"So it may only be tried: mooring bundle build {done.out} --channel canary --repository PUBLISHER")


def _missed(gate: Mapping[str, Any]) -> str:
    value = "not known" if gate["value"] is None else gate["value"]
    return f"{gate['metric']} is {value}, has to be {gate['op']} {gate['limit']}."


def publisher_of(folder: Path | None, signers: Sequence[CryptoSigner]) -> Publisher | None:
    """Whoever publishes to the canary channel of a publisher's folder; None without one; errors as `Workshop.open`."""
    if folder is None:
        return None
    from mooring.cli.bundle_publisher import utc_now  # noqa: PLC0415 -- not needed for --help
    from mooring.daemon.canary import CanaryPublisher  # noqa: PLC0415

    return CanaryPublisher(folder, signers, utc_now)


def _keep_on(request: Request, load: Callable[[], Bars], publisher: Publisher | None, *, as_json: bool) -> None:
    """Until Ctrl-C or SIGTERM; the round at hand is then gone on with by the next call."""
    from mooring.runtime.market.clock import SystemClock  # noqa: PLC0415 -- not needed for --help
    from mooring.runtime.research.training.continuous import Round, Routine, as_data, keep_on  # noqa: PLC0415

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())

    def said(done: Round) -> None:
        if as_json:
            put_json(as_data(done))
        else:
            say(f"{done.at} {done.version or 'no bars'}: {done.outcome}. {done.said}".rstrip())
            for gate in done.missed:
                say(f"  {gate}")
        sys.stdout.flush()

    routine = Routine(
        request=request, load=load, publisher=publisher, every_hours=request.settings.training.every_hours
    )
    with progress() as told:
        keep_on(routine, SystemClock(), told, said, stop)


def add_commands(app: typer.Typer) -> None:
    """Put this command into the app."""
    app.command("train")(train)
