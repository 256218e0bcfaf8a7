"""`mooring bundle`: model bundles, of whoever uses them and of whoever publishes them."""

from __future__ import annotations

import typer

from mooring.cli import bundle_publisher, bundle_roles, bundle_user
from mooring.cli.groups import group

HELP = """Model bundles.

For whoever uses them: list to trust. For whoever makes them: keygen to revoke; `mooring train` comes before.
"""
bundle = group(HELP)
bundle_user.add_user_commands(bundle)
bundle_publisher.add_publisher_commands(bundle)
bundle_roles.add_role_commands(bundle)


def add_commands(app: typer.Typer) -> None:
    """Put these commands into the app."""
    app.add_typer(bundle, name="bundle")
