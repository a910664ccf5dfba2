"""Object stores: opened by their address, and what they complain of in one line that shows no secret."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import obstore
from obstore.store import LocalStore, from_url

from moonsense.errors import ConfigurationError, StoreError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_SHOWN = 300
"""Characters of what a server said that is no document."""


def open_store(place: str | os.PathLike[str], *, tidy: bool = False) -> ObjectStore:
    """A folder, made when it is missing, or an object store.

    Args:
        place: a path, or an address that obstore understands, such as
            ``s3://bucket/prefix``; its credentials are in the environment.
        tidy: a folder that has nothing more in it is removed. Only for what one
            thread writes: another may just be about to put something there.

    Raises:
        ConfigurationError: there is no such kind of address, or credentials are in it.
        OSError: the folder cannot be made.
    """
    place = os.fspath(place)
    if "://" not in place:
        Path(place).mkdir(parents=True, exist_ok=True)
        return LocalStore(place, mkdir=True, automatic_cleanup=tidy)
    parts = urlsplit(place)
    if parts.password is not None:
        raise ConfigurationError(
            f"credentials of {parts.scheme}://{parts.hostname} belong in the environment,"
            " where no log shows them, not in the address"
        )
    try:
        if parts.scheme == "file":
            return from_url(place, mkdir=True, automatic_cleanup=tidy)
        return from_url(place)
    except (ValueError, obstore.exceptions.BaseError) as error:
        shown = place.partition("?")[0]
        raise ConfigurationError(f"{shown} is no address of an object store: {_line(error)}") from None


@contextlib.contextmanager
def store_errors(what: str, *, missing: bool = False) -> Iterator[None]:
    """Within it a store's errors are ours, and lead nowhere: the store's own repeat what was signed.

    Args:
        what: what cannot be done then.
        missing: that there is no such object is an error of its own.

    Raises:
        FileNotFoundError: there is no such object, with ``missing``.
        StoreError: anything else.
    """
    try:
        yield
    except (OSError, ValueError, obstore.exceptions.BaseError) as error:
        line = _line(error)
        found = not (missing and isinstance(error, FileNotFoundError))
        ours = StoreError(f"{what}: {line}") if found else FileNotFoundError(2, line)
        try:
            raise ours from None
        finally:
            # Pickled, or shown by a program of its own mind, an error takes its context along.
            ours.__context__ = None


def _line(error: Exception) -> str:
    """What a store says, without the document and the signature that servers repeat in it.

    An S3 server that refuses a request answers with the key's id and all that
    was signed; a shared access signature is in the query of the address.
    """
    text = str(error).partition("\nDebug source:")[0]
    head, _, document = text.partition(": <")
    head = head.partition(": {")[0]
    asked = " ".join(re.sub(r"\?\S*", "", head).split())[:_SHOWN]
    answered = re.findall(r"<(?:Code|Message)>([^<]*)<", document)
    return ": ".join([asked, *answered])
