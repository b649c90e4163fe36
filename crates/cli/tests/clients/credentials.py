"""A credential is given to the role that may have it, and to nobody else."""

from common import connect, expect, failure, run, success


async def story(spec):
    async with connect(spec | {"key": spec["operator_key"]}) as operator:
        refused = await operator.call_tool("homelab_get_credentials", {"target": spec["target"]})
        failure(refused, "permission_denied")
        expect(spec["password"] not in str(refused), "the refusal holds no secret")
    async with connect(spec | {"key": spec["admin_key"]}) as admin:
        given = success(
            await admin.call_tool("homelab_get_credentials", {"target": spec["target"]})
        )
        expect(spec["password"] in str(given), "the owner's own tool gets it", given)


run(story)
