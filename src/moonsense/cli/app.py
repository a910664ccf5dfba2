"""The commands, put together."""

from __future__ import annotations

import logging
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from moonsense.cli import account, cards, chunks, cloud, consumer, download, export, plot, sessions
from moonsense.cli.demo import command as demo
from moonsense.cli.errors import EXIT_CODES, report
from moonsense.cli.webhooks import group as webhooks


class _Root(TyperGroup):
    """Runs a command; an error becomes one line, the next thing to try, and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            # Here and not at the interpreter's end, where a closed pipe would be a complaint.
            sys.stdout.flush()
            return result
        except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError):
            raise
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            raise typer.Exit(report(error)) from None


_CODES = " · ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items())

app = typer.Typer(
    cls=_Root,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # theirs shows local variables, and a token may be one
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"Exit codes: {_CODES}.",
)
app.command("demo")(demo.demo)
app.command("whoami")(account.whoami)
app.command("regions")(account.regions)
app.command("download")(download.download)
app.command("export")(export.export)
app.command("plot")(plot.plot)
app.add_typer(sessions.app, name="sessions")
app.add_typer(chunks.app, name="chunks")
app.add_typer(cards.app, name="cards")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(consumer.app, name="consumer")
app.add_typer(cloud.app, name="cloud")


def _show_version(asked: bool) -> None:
    if asked:
        from moonsense._version import version

        typer.echo(f"moonsense {version()}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", envvar="MOONSENSE_DEBUG", help="Show the log, and the traceback of an error."
        ),
    ] = False,
) -> None:
    """Read recorded behaviour and sensor sessions, and run the cloud that records them.

    Which cloud, and the token for it, are in the environment:
    MOONSENSE_SECRET_TOKEN, MOONSENSE_ROOT_DOMAIN, MOONSENSE_PROTOCOL,
    MOONSENSE_DEFAULT_REGION. Without a cloud, begin with: moonsense demo
    """
    if debug:
        logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
        logging.getLogger("moonsense").setLevel(logging.DEBUG)
