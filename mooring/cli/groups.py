"""How a group of commands lists them: whole sentences, and for the program itself by what people come for."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typer._click.core import Command, Context  # typer carries its own click, and names it nowhere else
    from typer._click.formatting import HelpFormatter

SECTIONS: Final[dict[str, tuple[str, ...]]] = {
    "See it work, with no account": ("demo", "backtest", "simulate"),
    "The daemon": ("up", "down", "restart", "status", "health", "logs", "dashboard", "menubar", "doctor", "selftest"),
    "Trading": ("start", "stop", "pause", "resume", "kill", "release", "cancel-all", "scan", "mode"),
    "Live trading": ("arm", "disarm", "reconcile"),
    "Account and settings": ("onboard", "secrets", "settings", "token"),
    "Records": ("report", "export", "replay", "db"),
    "Models": ("bundle", "train"),
    "For a service": ("run",),
}
LONG: Final = 1000  # characters: click cuts at words where a sentence is longer than its line


class Commands(TyperGroup):
    """A group whose list wraps its lines; typer's cuts them off."""

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write each command with its whole first sentence."""
        self._write(formatter, "Commands", self._lines(ctx, self.list_commands(ctx)))

    def _lines(self, ctx: Context, names: Iterable[str]) -> list[tuple[str, str]]:
        found = ((name, self.get_command(ctx, name)) for name in names)
        return [(name, _brief(command)) for name, command in found if command is not None and not command.hidden]

    def _write(self, formatter: HelpFormatter, title: str, lines: list[tuple[str, str]]) -> None:
        with formatter.section(title):
            formatter.write_dl(lines)


class Program(Commands):
    """The program's own list, in sections; a command that none names would be left out, which a test forbids."""

    def list_commands(self, ctx: Context) -> list[str]:
        """As the sections have them."""
        known = super().list_commands(ctx)
        order = [name for name in itertools.chain(*SECTIONS.values()) if name in known]
        return order + [name for name in known if name not in order]

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the sections, their texts in one column."""
        widest = max(map(len, itertools.chain(*SECTIONS.values())))
        for title, names in SECTIONS.items():
            lines = [(name.ljust(widest), text) for name, text in self._lines(ctx, names)]
            self._write(formatter, title, lines)


def group(text: str, epilog: str | None = None) -> typer.Typer:
    """A group of commands, whose list is whole; alone it shows its help."""
    return typer.Typer(help=text, epilog=epilog, no_args_is_help=True, rich_markup_mode=None, cls=Commands)


def _brief(command: Command) -> str:
    text = command.get_short_help_str(LONG)
    return text if text.endswith(".") else f"{text}."
