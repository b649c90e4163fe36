"""The server restarts under its clients: a session of before is answered 404, a new one works, and a
client without sessions notices nothing."""

import asyncio
import sys

from common import connect, expect, protocol_error, run, success


async def listed(client):
    return success(await client.call_tool("homelab_list_networks", {}))


async def restarted():
    """Asks for a restart and waits until it is done."""
    print("restart", flush=True)
    line = await asyncio.to_thread(sys.stdin.readline)
    expect(line == "restarted\n", "the server is back", line)


async def story(spec):
    async with (
        connect(spec | {"mode": "legacy"}) as legacy,
        connect(spec | {"mode": "2026-07-28"}) as modern,
    ):
        before = await listed(legacy)
        expect(await listed(modern) == before, "both see the same")

        await restarted()

        expect(await listed(modern) == before, "no session, nothing lost")
        lost = await protocol_error(legacy.call_tool("homelab_list_networks", {}))
        # What the SDK makes of HTTP 404 on a session; any other status has another message.
        expect(lost.message == "Session terminated", "an old session is unknown", lost)
        async with connect(spec | {"mode": "legacy"}) as again:
            expect(await listed(again) == before, "a new session works")


run(story)
