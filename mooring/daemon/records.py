"""Where a home's records are: in its own file, or on the server that its settings name."""

from __future__ import annotations

from collections.abc import Mapping

from mooring.errors import Invalid
from mooring.home import Home
from mooring.runtime.store.place import Place
from mooring.settings import Settings, load_settings


def place_of(home: Home, settings: Settings) -> Place:
    """Where the records of a home with these settings are.

    Raises:
        Invalid: `store.url` is none that can be used.
    """
    url = settings.store.url
    return Place(file=home.database) if url is None else Place.server(url.get_secret_value())


def records_of(home: Home, environ: Mapping[str, str]) -> Place:
    """As `place_of`, with the settings that file and variables state.

    Raises:
        Invalid: a setting is wrong.
    """
    return place_of(home, load_settings(home.root, environ))


def require_file(home: Home, environ: Mapping[str, str]) -> None:
    """See that the records of a home are in its file.

    Raises:
        Invalid: they are on a server, or a setting is wrong.
    """
    place = records_of(home, environ)
    if place.file is None:
        raise Invalid(
            "records_on_a_server",
            f"The records are not in a file of this home but in {place}.",
            money="Nothing was read or written.",
            todo="Back it up and restore it with the server's own tools, such as pg_dump; or copy it into a file "
            "with `mooring db copy --to FILE`.",
        )
