"""How a client is made again in another process, without its secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from moonsense.contract.environment import SECRET_TOKEN
from moonsense.errors import ConfigurationError

_SECRET = ("headers", "proxy", "cert")
"""Options that may hold a secret."""


@dataclass(frozen=True, repr=False)
class Recipe:
    """The arguments that a client was made with; the token is not among them.

    Attributes:
        token_given: whether the token was an argument, and so is not in the environment.
    """

    token_given: bool
    options: Mapping[str, Any]

    def changed(self, options: Mapping[str, Any]) -> Recipe:
        """The same with other options."""
        return replace(self, options={**self.options, **options})

    def reduce(self, client: type) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """What a pickle of the client holds.

        Raises ConfigurationError when the client could not work without what a
        pickle must not hold: pickles are stored and sent, by caches and queues too.
        """
        if self.token_given:
            raise ConfigurationError(
                "this client was given its token, and a pickle of it would carry the token on: "
                f"set {SECRET_TOKEN} here and where the pickle is read, and make the client without a token"
            )
        for name in _SECRET:
            if self.options[name] is not None:
                raise ConfigurationError(
                    f"this client was given {name}, which may hold a secret, so it is not pickled: "
                    "make a client where it is used"
                )
        return _make, (client, dict(self.options))


def _make(client: type, options: Mapping[str, Any]) -> Any:
    return client(**options)
