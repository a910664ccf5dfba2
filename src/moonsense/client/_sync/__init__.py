# Made from src/moonsense/client/_async/__init__.py by scripts/generate_sync.py: do not edit.
"""The client for asyncio, written by hand; the one for threads is generated from it."""
