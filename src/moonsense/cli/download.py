"""``moonsense download``: every session of a project as files."""

from __future__ import annotations

import shlex
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from moonsense.cli.options import (
    Json,
    Platforms,
    parse_bool,
    parse_day,
    parse_day_or_time,
    parse_span,
)
from moonsense.cli.output import complain, note, show_json_value
from moonsense.cli.progress import SessionBar, ended_by_sigterm

if TYPE_CHECKING:
    from moonsense.download import DownloadReport, Progress, VerifyReport


class _Chosen(TypedDict):
    """The options that choose sessions without a cloud, too."""

    since: date | None
    until: date | None
    skip_days: list[date] | None
    platforms: list[str] | None


_FAILED = 1
_NOT_SOUND = 7
"""The exit code of what is not what it should be, as for errors of data."""


def download(
    *,
    since: Annotated[
        date | None,
        typer.Option(
            parser=parse_day_or_time,
            metavar="TIME",
            help="Created then or later: a day of UTC, a time, or 2h, 7d ago.",
        ),
    ] = None,
    until: Annotated[
        date | None,
        typer.Option(parser=parse_day_or_time, metavar="TIME", help="Created then or before; of a day, all."),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="The folder to download into.")
    ] = Path("data"),
    skip_days: Annotated[
        list[date] | None,
        typer.Option(
            parser=parse_day, metavar="DAY", help="Leave out what was created on this day; again for several."
        ),
    ] = None,
    incremental: Annotated[
        str,
        typer.Option(metavar="BOOL", help="true: what is not there yet, or grew. false: all of it again."),
    ] = "true",
    label: Annotated[
        list[str] | None,
        typer.Option("--label", "-l", metavar="LABEL", help="Only with this label; again for several."),
    ] = None,
    platform: Platforms = None,
    with_journey_id: Annotated[
        str, typer.Option(metavar="BOOL", help="true: new sessions go into a folder of their journey.")
    ] = "false",
    parallel: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Sessions at a time. Without it: MOONSENSE_DOWNLOAD_PARALLELISM, or twice the processors.",
            show_default=False,
        ),
    ] = None,
    overlap: Annotated[
        timedelta | None,
        typer.Option(
            parser=parse_span,
            metavar="SPAN",
            help="How far behind the newest session to look for late ones. Without it: 7d.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be downloaded.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Only read what is there, and say what is damaged or missing.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Verify, and download again what is damaged or missing.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress and no summary; only what failed.")
    ] = False,
    json: Json = False,
) -> None:
    """Download sessions into a folder, and later what came or grew since. Days are of UTC.

    A ledger in the folder says what is there, so the same command goes on where
    it was interrupted. Folders of 0.13.1 and older are gone on with. Options of
    time and platform choose what is verified and repaired, too. Exits with 1 when
    a session failed; --verify exits with 7 when something is not sound.
    """
    only_new = parse_bool(incremental, "--incremental")
    by_journey = parse_bool(with_journey_id, "--with-journey-id")
    if verify and repair:
        raise typer.BadParameter("--repair verifies too: give one of --verify and --repair")
    if dry_run and (verify or repair):
        raise typer.BadParameter(
            "--dry-run does not go with --verify or --repair; --verify alone changes nothing"
        )
    if verify or repair:
        useless = {
            "--label": label, "--overlap": overlap,
            "--incremental false": not only_new, "--with-journey-id true": by_journey,
        }  # fmt: skip
        for option in (option for option, given in useless.items() if given):
            raise typer.BadParameter(f"{option} does not go with --verify or --repair")
    chosen = _Chosen(since=since, until=until, skip_days=skip_days, platforms=platform)
    if verify:
        _verify(output, chosen, quiet=quiet, json=json)
        return
    from moonsense.client import Client
    from moonsense.download import Download

    with ended_by_sigterm(), Client() as client, SessionBar("downloading", quiet=quiet) as bar:
        job = Download(client, output, parallel=parallel)

        def show(progress: Progress) -> None:
            bar.show(
                progress.done, progress.total, progress.size, failed=progress.failed, more=progress.listing
            )

        try:
            if repair:
                report = job.repair(**chosen, on_progress=show)
            else:
                spans = {} if overlap is None else {"overlap": overlap}
                report = job.run(
                    **chosen,
                    incremental=only_new,
                    labels=label,
                    with_journey_id=by_journey,
                    dry_run=dry_run,
                    on_progress=show,
                    **spans,
                )
        except KeyboardInterrupt:
            note("interrupted; the same command goes on from here")
            raise
    if json:
        show_json_value(report.as_dict())
    elif not quiet:
        _say(report, output)
    for session_id, error in report.failures.items():
        complain("error", f"{session_id}: {' '.join(str(error).split())}")
    if report.failures:
        complain("try", "again: what is there is not downloaded twice")
        raise typer.Exit(_FAILED)


def _say(report: DownloadReport, output: Path) -> None:
    """The summary for people: what was done, then what was not needed."""
    for session_id, why in report.planned.items():
        typer.echo(f"{session_id}  {why}")
    count = report.downloaded.total()
    kinds = ", ".join(f"{number:,} {why}" for why, number in sorted(report.downloaded.items()))
    kinds = f"{count:,} session{'' if count == 1 else 's'}" + (f" ({kinds})" if kinds else "")
    if report.dry_run:
        note(f"{output}: would download {kinds}, {report.bundles:,} bundles")
    else:
        note(
            f"{output}: downloaded {kinds}, {report.bundles:,} bundles,"
            f" {report.size / 1e6:,.1f} MB in {report.seconds:,.1f} s"
        )
    rest = [
        (report.unchanged, "already there"),
        (report.found, "taken over from an earlier version"),
        (report.described, "with new metadata"),
        (len(report.gone), "no more in the cloud"),
    ]
    if any(number for number, _ in rest):
        note(", ".join(f"{number:,} {what}" for number, what in rest if number))
    if report.passed_over:
        note(
            f"{report.passed_over:,} of them were marked as downloaded by 0.13.1, and were not, or not whole"
        )


def _verify(output: Path, chosen: _Chosen, *, quiet: bool, json: bool) -> None:
    from moonsense.download import verify

    with SessionBar("checking", quiet=quiet) as bar:

        def show(report: VerifyReport) -> None:
            bar.show(report.sessions, report.sessions, report.size, failed=len(report.damages), more=True)

        report = verify(output, on_session=show, **chosen)
    if json:
        show_json_value(report.as_dict())
    elif not quiet:
        note(f"{output}: {report.sessions:,} sessions, {report.files:,} files, {report.size / 1e6:,.1f} MB")
        if report.without_ledger:
            note(f"{report.without_ledger:,} are in no ledger, and were compared with their own metadata")
        if report.waiting:
            note(f"{len(report.waiting):,} are known and not downloaded yet")
    for damage in report.damages:
        complain("error", f"{damage.path}: {damage.what}")
    if not report.ok:
        words = ["moonsense", "download", "--repair", "--output", str(output), *_as_typed(chosen)]
        complain("try", shlex.join(words))
        raise typer.Exit(_NOT_SOUND)


def _as_typed(chosen: _Chosen) -> list[str]:
    words: list[str] = []
    for option, moment in (("--since", chosen["since"]), ("--until", chosen["until"])):
        words += [option, moment.isoformat()] if moment else []
    for day in chosen["skip_days"] or ():
        words += ["--skip-days", day.isoformat()]
    for platform in chosen["platforms"] or ():
        words += ["--platform", platform]
    return words
