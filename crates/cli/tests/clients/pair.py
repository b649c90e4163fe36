"""Two stdio servers side by side in one client, as agents open several at once; here both have the
inventory, so that what one writes the other reads."""

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from common import expect, run, success


async def story(spec):
    first, second = (
        StdioServerParameters(command=spec["command"], args=arguments, env=spec["env"])
        for arguments in spec["servers"]
    )
    async with stdio_client(first) as (a_read, a_write), stdio_client(second) as (b_read, b_write):
        async with ClientSession(a_read, a_write) as a, ClientSession(b_read, b_write) as b:
            await a.initialize()
            await b.initialize()

            names = [[tool.name for tool in (await each.list_tools()).tools] for each in (a, b)]
            expect(names[0] == names[1], "both list bare names", names)
            expect("homelab_list_devices" in names[0], "and the seed's", names)

            device = {"name": "written-by-a", "category": "compute"}
            success(await a.call_tool("homelab_upsert_device", device))
            read = success(await b.call_tool("homelab_get_device", {"name": "written-by-a"}))
            expect("written-by-a" in str(read), "one database", read)


run(story)
