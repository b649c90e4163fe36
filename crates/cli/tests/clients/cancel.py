"""A caller that goes away ends the work: the health check's own connection is closed at once, long
before its time limit."""

import asyncio

from common import connect, expect, run, success


async def story(spec):
    asked, left = asyncio.Event(), asyncio.Event()

    async def never_answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        try:
            await reader.read()
        except ConnectionResetError:
            pass
        left.set()
        writer.close()

    upstream = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    port = upstream.sockets[0].getsockname()[1]
    async with upstream, connect(spec) as client:
        service = {
            "name": spec["service"],
            "url": f"http://127.0.0.1:{port}",
            "health_endpoint": "/health",
        }
        success(await client.call_tool("homelab_upsert_service", service))
        call = asyncio.create_task(
            client.call_tool("homelab_check_service_health", {"name": spec["service"]})
        )
        await asked.wait()

        call.cancel()
        async with asyncio.timeout(3):
            await left.wait()

        expect(not (await client.call_tool("homelab_list_networks", {})).is_error, "goes on")


run(story)
