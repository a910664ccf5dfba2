"""The client for asyncio, written by hand; the one for threads is generated from it."""
