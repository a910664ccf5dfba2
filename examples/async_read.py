"""Read several sessions of the newest page at once, and print how much each holds.

Needs a cloud and a token for it, as README says.
"""

import asyncio

from moonsense.client import AsyncClient


async def count(client: AsyncClient, session_id: str) -> tuple[str, int]:
    """The number of bundles of a session, read one by one."""
    bundles = 0
    async for _bundle in client.read_session(session_id):
        bundles += 1
    return session_id, bundles


async def main() -> None:
    async with AsyncClient() as client:
        newest = [session.session_id async for session in client.list_sessions(limit=10)]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(count(client, session_id)) for session_id in newest]
    for task in tasks:
        session_id, bundles = task.result()
        print(session_id, bundles)


asyncio.run(main())
