"""The same reads as a FastMCP tool, from the same SQLite file: one device by name, its services, and
whether it has credentials. No authentication, no audit, no redaction: what a plain server of that
framework costs."""

import json
import sqlite3
import sys

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

database, port = sys.argv[1], int(sys.argv[2])
connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, check_same_thread=False)
connection.row_factory = sqlite3.Row
server = FastMCP("bench")


def record(row):
    found = {key: row[key] for key in row.keys() if row[key] is not None}
    for key in ("tags", "metadata"):
        if key in found:
            found[key] = json.loads(found[key])
    return found


@server.tool
async def homelab_get_device(name: str) -> dict:
    """One device by its name."""
    row = connection.execute(
        "SELECT id, name, category, type, status, hostname, ip, mac, manufacturer, model, serial, "
        "os, location, tags, notes, metadata, updated_at FROM devices WHERE sort_key = ?",
        (name.lower(),),
    ).fetchone()
    if row is None:
        raise ToolError(f"no device named {name}")
    services = connection.execute(
        "SELECT id, service_name, type, url, port, status FROM services WHERE device_id = ?",
        (row["id"],),
    ).fetchall()
    credentials = connection.execute(
        "SELECT 1 FROM credentials WHERE target_folded = ?", (name.lower(),)
    ).fetchone()
    details = {"device": record(row), "services": [record(service) for service in services]}
    if credentials is not None:
        details["credentials_ref"] = row["name"]
    return details


server.run(
    transport="http",
    host="127.0.0.1",
    port=port,
    stateless_http=True,
    json_response=True,
    show_banner=False,
    log_level="error",
    uvicorn_config={"access_log": False},
)
