"""``python -m moonsense`` is the ``moonsense`` command."""

from __future__ import annotations

from moonsense.cli import main

if __name__ == "__main__":
    main()
