"""Everything a client does on a usual day, against the demo lab: list, read, page, be told what was
wrong, follow progress, change something and read it back."""

import re

from common import (
    INVALID_PARAMS,
    LEGACY,
    MODERN,
    all_tools,
    connect,
    expect,
    failure,
    protocol_error,
    run,
    success,
    text_of,
)

# What an operator sees; credentials are for others.
TOOLS = {
    "homelab_list_devices",
    "homelab_get_device",
    "homelab_list_scpi_equipment",
    "homelab_get_scpi_connection",
    "homelab_list_services",
    "homelab_check_service_health",
    "homelab_list_networks",
    "homelab_list_firewall_rules",
    "homelab_lookup_ip",
    "homelab_infrastructure_summary",
    "homelab_list_vms",
    "homelab_search",
    "homelab_check_all_services",
    "homelab_scpi_query",
    "homelab_upsert_device",
    "homelab_upsert_service",
    "homelab_allocate_ip",
    "homelab_delete_device",
}


def check_listing(tools, *, output_schemas):
    missing = TOOLS - tools.keys()
    expect(not missing, "these are missing:", missing)
    expect("homelab_get_credentials" not in tools, "what may not be called is not listed")
    for name, tool in tools.items():
        expect(re.fullmatch(r"[a-z0-9_]{1,40}", name), "a portable name", name)
        expect(tool.title, f"{name} has a title")
        expect(tool.description and len(tool.description) < 400, f"{name} is described shortly")
        expect(tool.input_schema["type"] == "object", f"{name} takes an object")
        hints = tool.annotations
        for hint in ("read_only_hint", "destructive_hint", "idempotent_hint", "open_world_hint"):
            expect(getattr(hints, hint) is not None, f"{name} states {hint}")
        expect((tool.output_schema is not None) == output_schemas, f"{name}: output schema")
    expect(tools["homelab_list_devices"].annotations.read_only_hint, "listing changes nothing")
    expect(tools["homelab_delete_device"].annotations.destructive_hint, "deleting destroys")


async def read(client, schemas):
    async def ask(name, arguments):
        return success(await client.call_tool(name, arguments), schemas.get(name))

    devices = (await ask("homelab_list_devices", {}))["items"]
    expect(len(devices) > 5, "the demo lab has devices", devices)
    addressed = next(device for device in devices if device.get("ip"))

    one = await ask("homelab_get_device", {"name": addressed["name"].upper()})
    expect(addressed["name"] in str(one), "names are found whatever their case", one)
    found = await ask("homelab_lookup_ip", {"ip": addressed["ip"]})
    expect(addressed["name"] in str(found), "the address leads to its device", found)
    searched = await ask("homelab_search", {"query": addressed["name"]})
    expect(addressed["name"] in str(searched), "the search finds it", searched)
    for name in (
        "homelab_list_networks",
        "homelab_list_firewall_rules",
        "homelab_list_services",
        "homelab_list_vms",
        "homelab_list_scpi_equipment",
        "homelab_infrastructure_summary",
    ):
        expect(await ask(name, {}), f"{name} answers")

    first = await ask("homelab_list_devices", {"limit": 2})
    second = await ask("homelab_list_devices", {"limit": 2, "cursor": first["next_cursor"]})
    names = [device["name"] for device in first["items"] + second["items"]]
    expect(len(set(names)) == 4, "two pages, four devices", names)
    expect(first["total"] == second["total"] > 4, "the total stays", first, second)


async def be_told(client):
    unknown = failure(
        await client.call_tool("homelab_list_devices", {"colour": "red"}), "invalid_argument"
    )
    expect("colour" in unknown["message"] + unknown.get("field", ""), "it is named", unknown)
    wrong = failure(
        await client.call_tool("homelab_list_devices", {"category": 7}), "invalid_argument"
    )
    expect(wrong["field"] == "category", "the argument is named", wrong)
    failure(await client.call_tool("homelab_lookup_ip", {"ip": "999.1.1.1"}), "invalid_argument")
    failure(await client.call_tool("homelab_list_devices", {"cursor": "?"}), "invalid_argument")
    gone = failure(
        await client.call_tool("homelab_get_device", {"name": "no-such-device"}), "not_found"
    )
    expect(gone["hint"], "an error says what to do next", gone)
    error = await protocol_error(client.call_tool("homelab_make_coffee", {}))
    expect(error.code == INVALID_PARAMS, "an unknown tool is a protocol error", error)


async def follow_progress(client):
    seen = []

    async def on_progress(progress, total, message):
        seen.append((progress, total, message))

    checked = success(
        await client.call_tool("homelab_check_all_services", {}, progress_callback=on_progress)
    )
    # Reports that come faster than they are sent are merged, so how many there are is the machine's.
    expect(seen, "reports on the way", seen)
    steps = [progress for progress, _, _ in seen]
    expect(steps == sorted(set(steps)), "each report is further than the one before", steps)
    totals = {total for _, total, _ in seen}
    expect(len(totals) == 1 and totals.pop() >= steps[-1], "one total, not exceeded", seen)
    expect(checked, "and a result", checked)


async def change(client, name):
    device = {"name": name, "category": "compute", "type": "server", "ip": "192.0.2.250"}
    success(await client.call_tool("homelab_upsert_device", device))
    stored = success(await client.call_tool("homelab_get_device", {"name": name}))
    expect("192.0.2.250" in str(stored), "what was written is read", stored)
    refused = await client.call_tool("homelab_delete_device", {"name": name})
    expect(refused.is_error, "nobody deletes without being asked", refused.content)


async def be_held(client, name):
    """What services answered was read: the next change waits for the owner, and reads go on."""
    device = {"name": name, "notes": "changed after reading"}
    held = failure(await client.call_tool("homelab_upsert_device", device), "approval_required")
    expect(held["approval_id"] and not held["retryable"], "it waits", held)
    waiting = success(await client.call_tool("approval_list", {"state": "pending"}))
    ids = [one["approval_id"] for one in waiting["items"]]
    expect(held["approval_id"] in ids, "the caller sees what waits", waiting)
    success(await client.call_tool("homelab_get_device", {"name": name}))


async def ask_for_text(client):
    result = await client.call_tool("homelab_list_devices", {"format": "text", "limit": 3})
    expect(not result.is_error, "text is an answer too", result.content)
    expect(result.structured_content is None, "text alone", result.structured_content)
    expect(not text_of(result).startswith("{"), "no JSON", text_of(result))


async def story(spec):
    async with connect(spec) as client:
        info = client.server_info
        # A client that skips discovery is not told.
        asked = spec["mode"] != MODERN
        expect(not asked or info.name == "homelab-mcp", "it says who it is", info)
        wanted = LEGACY if spec["mode"] == "legacy" or spec["transport"] == "sse" else MODERN
        expect(client.protocol_version == wanted, f"speaks {wanted}", client.protocol_version)

        tools = await all_tools(client)
        check_listing(tools, output_schemas=spec["output_schemas"])
        expect(list(await all_tools(client)) == list(tools), "the order of tools is fixed")
        await read(client, {name: tool.output_schema for name, tool in tools.items()})
        await be_told(client)
        await change(client, spec["device"])
        await follow_progress(client)
        await be_held(client, spec["device"])
        if not spec["output_schemas"]:
            await ask_for_text(client)


run(story)
