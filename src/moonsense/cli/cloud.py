"""``moonsense cloud``: a cloud of your own, its tokens, and recordings to put into it."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moonsense.cli.options import DataDir, Json
from moonsense.cli.output import Column, complain, note, show_json_value, show_table
from moonsense.cli.progress import Step
from moonsense.display.words import micros_text

if TYPE_CHECKING:
    from moonsense.cloud.store import Store

app = typer.Typer(no_args_is_help=True, help="Run a cloud of your own and manage its tokens.")
tokens = typer.Typer(no_args_is_help=True, help="Create, list and revoke the tokens of a cloud of your own.")
app.add_typer(tokens, name="token")

_DATA_DIR = Path("moonsense-data")
_HOST, _PORT = "127.0.0.1", 8090


@app.command()
def init(data_dir: DataDir = _DATA_DIR, *, json: Json = False) -> None:
    """Make a cloud: a project, an app and its two tokens, which are shown this once."""
    from moonsense.cloud import admin

    made = admin.init(data_dir)
    variables = _environment(made.secret_token, made.public_token)
    if json:
        show_json_value(
            {
                "data_dir": str(data_dir),
                "project_id": made.project_id,
                "app_id": made.app_id,
                "secret_token": made.secret_token,
                "public_token": made.public_token,
                "environment": variables,
            }
        )
        return
    show_table(
        [Column(""), Column("", whole=True)],
        [
            ("project", made.project_id),
            ("app", made.app_id),
            ("secret token", f"{made.secret_token}  (reads)"),
            ("public token", f"{made.public_token}  (records)"),
        ],
    )
    note(f"\nThe tokens are not shown again. Start it: moonsense cloud serve --data-dir {_quoted(data_dir)}")
    note("Then, in the terminal of your program:\n")
    for name, value in variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def _environment(secret_token: str, public_token: str) -> dict[str, str]:
    """The variables for a cloud that is served on this machine with the usual host and port."""
    from moonsense.contract import environment

    return {
        environment.SECRET_TOKEN: secret_token,
        environment.PUBLIC_TOKEN: public_token,
        environment.ROOT_DOMAIN: f"{_HOST}:{_PORT}",
        environment.PROTOCOL: "http",
        environment.DEFAULT_REGION: "",
    }


@app.command()
def serve(
    *,
    data_dir: DataDir = _DATA_DIR,
    host: Annotated[str | None, typer.Option(help=f"The address to listen on: {_HOST} without it.")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help=f"The port to listen on: {_PORT} without it, 0 any free one."),
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="The name of the cloud's region, such as us-central1.gcp.")
    ] = None,
    domain: Annotated[
        str | None,
        typer.Option(
            help="The root domain, for clients that know the region's host only: REGION.data-api.DOMAIN."
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The certificate to serve HTTPS with, in PEM.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The certificate's key, in PEM.")
    ] = None,
) -> None:
    """Serve a cloud until Ctrl-C.

    Everything else that can be set is an environment variable,
    MOONSENSE_CLOUD_<NAME>.
    """
    import logging

    from moonsense.cloud.server import serve as run
    from moonsense.cloud.settings import Settings

    given = {
        "data_dir": data_dir,
        "host": host,
        "port": port,
        "region": region,
        "domain": domain,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
    }
    settings = Settings.of(**{name: value for name, value in given.items() if value is not None})
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("moonsense").setLevel(settings.log_level)

    def ready(url: str) -> None:
        typer.echo(f"{url}, data in {settings.data_dir}")

    run(settings, ready)


@app.command("import")
def import_recordings(
    root: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            exists=True,
            file_okay=False,
            show_default=False,
            help="A folder of recordings: <day>/[<group>/]<session>/",
        ),
    ],
    *,
    data_dir: DataDir = _DATA_DIR,
    json: Json = False,
) -> None:
    """Take recordings into a cloud, as if they had been recorded there.

    Ids, times, labels and the order of bundles stay. Sessions that are
    there already are left alone, so importing twice changes nothing.
    Exit code 1 when some could not be read.
    """
    from moonsense.cloud.importer import import_tree

    with _opened(data_dir) as store, Step("importing") as step:
        project_id, _ = store.access.projects()[0]
        report = import_tree(store, root, project_id)
    if json:
        show_json_value(
            {
                "imported": report.imported,
                "present": report.present,
                "failed": [{"folder": str(folder), "reason": reason} for folder, reason in report.failed],
                "bundles": report.bundles,
            }
        )
    else:
        typer.echo(
            f"imported {len(report.imported):,} sessions with {report.bundles:,} bundles "
            f"in {step.seconds:.1f} s, {len(report.present):,} were there, {len(report.failed):,} failed"
        )
    for folder, reason in report.failed:
        complain("error", f"{folder}: {reason}")
    if report.failed:
        raise typer.Exit(1)


@tokens.command("create")
def create_token(
    *,
    scopes: Annotated[
        str,
        typer.Option(help="What it may do: q to read, c to record, t to manage tokens; several, as in qt."),
    ] = "q",
    app_id: Annotated[
        str | None, typer.Option("--app", metavar="APP", help="The app's id. Without it: the oldest app.")
    ] = None,
    data_dir: DataDir = _DATA_DIR,
    json: Json = False,
) -> None:
    """Make a token, which is shown this once."""
    from moonsense.cloud import auth
    from moonsense.contract.routes import Scope

    known = "".join(Scope)
    if not scopes or not set(scopes) <= set(known):
        raise typer.BadParameter(f"{scopes!r} has other letters than {known}", param_hint="--scopes")
    scopes = "".join(letter for letter in known if letter in scopes)
    # The prefix tells who finds a token whether it must be kept secret.
    token = auth.new_token(auth.TokenKind.PUBLIC if scopes == Scope.COLLECT else auth.TokenKind.SECRET)
    with _opened(data_dir) as store:
        project_id, app_id = _app(store, app_id)
        credential_id = store.access.add_token(
            project_id=project_id,
            app_id=app_id,
            scopes=scopes,
            digest=auth.digest(token),
            hint=auth.hint(token),
        )
    if json:
        show_json_value({"credential_id": credential_id, "scopes": scopes, "token": token})
        return
    typer.echo(token)
    note(f"credential {credential_id}, scopes {scopes}; the token is not shown again")


@tokens.command("list")
def list_tokens(*, data_dir: DataDir = _DATA_DIR, json: Json = False) -> None:
    """List all tokens ever made, oldest first; never the tokens themselves. Times are UTC."""
    from moonsense.cloud import admin

    found = admin.list_tokens(data_dir)
    if json:
        show_json_value(
            [
                {
                    "credential_id": token.credential_id,
                    "app_id": token.app_id,
                    "project_id": token.project_id,
                    "scopes": token.scopes,
                    "ends_with": token.hint,
                    "created_at": micros_text(token.created_at, machine=True),
                    "revoked_at": micros_text(token.revoked_at, machine=True) or None,
                }
                for token in found
            ]
        )
        return
    if not found:
        note("no tokens")
        return
    columns = [
        Column("CREDENTIAL", whole=True),
        Column("SCOPES"),
        Column("ENDS WITH", rank=1),
        Column("APP", whole=True, rank=3),
        Column("CREATED", rank=2),
        Column("REVOKED"),
    ]
    rows = [
        (
            token.credential_id,
            token.scopes,
            token.hint,
            token.app_id,
            micros_text(token.created_at),
            micros_text(token.revoked_at),
        )
        for token in found
    ]
    show_table(columns, rows)


@tokens.command("revoke")
def revoke_token(
    credential: Annotated[
        str, typer.Argument(metavar="CREDENTIAL", show_default=False, help="The id that token list shows.")
    ],
    *,
    data_dir: DataDir = _DATA_DIR,
) -> None:
    """End a token. A running cloud knows within seconds."""
    from moonsense.cloud import admin

    if not admin.revoke_token(data_dir, credential):
        complain("error", f"there is no valid token {credential}")
        complain("try", f"moonsense cloud token list --data-dir {_quoted(data_dir)}")
        raise typer.Exit(4)
    note(f"{credential}: revoked")


@contextlib.contextmanager
def _opened(data_dir: Path) -> Iterator[Store]:
    """The store of a folder that is a cloud already. A server may have it open meanwhile."""
    from moonsense.cloud.settings import Settings
    from moonsense.cloud.store import Store
    from moonsense.errors import ConfigurationError

    if not (data_dir / "catalog.db").is_file():
        raise ConfigurationError(
            f"{data_dir} is no cloud yet; make one: moonsense cloud init --data-dir {_quoted(data_dir)}"
        )
    # Without serving: that is the server's work.
    with contextlib.closing(Store.open(Settings.of(data_dir=data_dir), serving=False)) as store:
        yield store


def _app(store: Store, app_id: str | None) -> tuple[str, str]:
    """Project and app of an app's id; the oldest app's without one."""
    from moonsense.errors import ConfigurationError

    for project_id, _ in store.access.projects():
        for found, _ in store.access.apps(project_id):
            if app_id in (None, found):
                return project_id, found
    raise ConfigurationError(f"there is no app {app_id}" if app_id else "there is no app yet")


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
