"""What the client stories share: connecting with the official SDK, and checks of one answer.

A story gets one JSON argument: {"transport": "stdio" | "http" | "sse", "mode": "legacy" | "auto" |
"2026-07-28", "command", "args", "env"} or {"url", "key"} plus what it needs itself. It ends with
exit code 0, or with the traceback of the first expectation that failed.
"""

import asyncio
import json
import sys
from contextlib import asynccontextmanager

import httpx2
from jsonschema import Draft202012Validator
from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
INVALID_PARAMS = -32602


def expect(condition, *what):
    """An assertion that also holds under `python -O`, and says what it saw."""
    if not condition:
        raise AssertionError(*what)


def run(story):
    """Runs `story(spec)` with the argument of the command line; no story takes a minute."""
    spec = json.loads(sys.argv[1])

    async def bounded():
        async with asyncio.timeout(60):
            await story(spec)

    try:
        asyncio.run(bounded())
    except BaseExceptionGroup as group:
        # The SDK's task groups wrap the one failure that matters several times.
        failure = group
        while isinstance(failure, BaseExceptionGroup):
            failure = failure.exceptions[0]
        raise failure from None


@asynccontextmanager
async def connect(spec):
    """A connected client."""
    headers = {"Authorization": f"Bearer {spec['key']}"} if spec.get("key") else {}
    if spec["transport"] == "stdio":
        server = StdioServerParameters(
            command=spec["command"], args=spec["args"], env=spec.get("env")
        )
        async with Client(server, mode=spec["mode"], read_timeout_seconds=30) as client:
            yield client
    elif spec["transport"] == "sse":
        transport = sse_client(spec["url"], headers=headers)
        async with Client(transport, mode=spec["mode"], read_timeout_seconds=30) as client:
            yield client
    else:
        async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
            transport = streamable_http_client(spec["url"], http_client=http)
            async with Client(transport, mode=spec["mode"], read_timeout_seconds=30) as client:
                yield client


async def all_tools(client):
    """Every tool by name, over all pages, in the order they came."""
    tools, cursor = {}, None
    while True:
        page = await client.list_tools(cursor=cursor, cache_mode="bypass")
        for tool in page.tools:
            expect(tool.name not in tools, f"{tool.name} is listed twice")
            tools[tool.name] = tool
        cursor = page.next_cursor
        if cursor is None:
            return tools


def text_of(result):
    """The only text block of a result."""
    kinds = [block.type for block in result.content]
    expect(kinds == ["text"], f"one text block, not {kinds}")
    return result.content[0].text


def success(result, schema=None):
    """The structured content of a good answer, after checking it against schema and text."""
    expect(not result.is_error, "an error instead of an answer:", result.content)
    data = result.structured_content
    expect(isinstance(data, dict), "structured content is an object", data)
    if schema is not None:
        Draft202012Validator(schema).validate(data)
    text = text_of(result)
    expect(json.loads(text) == data, "the text repeats the structured content", text)
    expect("\n" not in text, "the text is minified", text)
    return data


def failure(result, code):
    """The error envelope of a failed call: a sentence for the model, then JSON for programs."""
    expect(result.is_error, f"{code} instead of an answer:", result.content)
    kinds = [block.type for block in result.content]
    expect(kinds == ["text", "text"], f"a sentence and an envelope, not {kinds}")
    sentence, envelope = result.content[0].text, json.loads(result.content[1].text)
    expect(envelope["code"] == code, f"code {code}", envelope)
    expect(sentence.startswith(envelope["message"]), "the sentence is the message", sentence)
    expect(isinstance(envelope["retryable"], bool), "retryable is stated", envelope)
    expect(envelope.get("request_id"), "the request can be found in the log", envelope)
    return envelope


async def protocol_error(call):
    """The protocol error that `call` ends with."""
    try:
        answer = await call
    except MCPError as error:
        return error
    raise AssertionError("a protocol error instead of an answer", answer)
