"""A credential is given to the role that may have it, and to nobody else."""

from common import all_tools, connect, expect, protocol_error, run, success


async def story(spec):
    async with connect(spec | {"key": spec["operator_key"]}) as operator:
        wanted = operator.call_tool("homelab_get_credentials", {"target": spec["target"]})
        forbidden = await protocol_error(wanted)
        unknown = await protocol_error(operator.call_tool("homelab_get_nothing", {}))
        expect(forbidden.code == unknown.code, "forbidden looks like unknown", forbidden, unknown)
        expect(spec["password"] not in str(forbidden), "the refusal holds no secret")
    async with connect(spec | {"key": spec["admin_key"]}) as admin:
        tool = (await all_tools(admin))["homelab_get_credentials"]
        expect(not tool.annotations.read_only_hint, "giving out secrets is no mere read")
        given = success(
            await admin.call_tool("homelab_get_credentials", {"target": spec["target"]})
        )
        expect(spec["password"] in str(given), "the owner's own tool gets it", given)


run(story)
