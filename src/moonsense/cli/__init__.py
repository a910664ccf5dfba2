"""The ``moonsense`` command.

One file a command group. What a command needs is imported inside it, so that
``moonsense --help`` and shell completion stay quick and need no token.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit."""
    try:
        from moonsense.cli.app import app

        app(prog_name="moonsense")
    except KeyboardInterrupt:
        # Inside a command typer turns Ctrl-C into this code; here it came while still importing.
        sys.exit(130)
