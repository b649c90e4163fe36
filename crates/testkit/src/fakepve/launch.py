"""Starts fakepve, a stand-in for Proxmox VE that others wrote, with a small lab.

Prints `ready PORT FINGERPRINT` once it listens. Each line of stdin is a JSON list: the name of one of its scenario
functions and the arguments; `done` answers it. It ends with its stdin.
"""

import asyncio
import hashlib
import json
import sys
import tempfile

from fakepve import FakePve
from fakepve.certs import make_cert

GIB = 1024**3


def lab():
    pve = FakePve(user="root@pam", password="lab-root", host="127.0.0.1", port=0)
    pve.time_scale = 0.02
    pve.add_node("pve1")
    pve.add_node("pve2")
    disk = {"scsi0": "local-lvm:vm-100-disk-0,size=8G", "memory": 2048, "cores": 2}
    pve.add_vm(100, "web", node="pve1", status="running", config=disk)
    pve.add_vm(101, "build", node="pve2", config={"memory": 4096, "cores": 4})
    pve.add_ct(200, "dns", node="pve2", status="running", config={"memory": 512})
    pve.store_file("local", "backup/vzdump-qemu-100-2026_05_31-02_00_00.vma.zst", 2 * GIB, content="backup")
    pve.apitokens["root@pam!lab"] = "11111111-2222-3333-4444-555555555555"
    pve.apitokens["ops@pve!read"] = "66666666-7777-8888-9999-000000000000"
    pve.grant("ops@pve!read", "/", "VM.Audit", "Sys.Audit", "Datastore.Audit")
    return pve


async def main():
    pve = lab()
    with tempfile.TemporaryDirectory(prefix="fakepve-") as folder:
        certificate, key, der = make_cert(folder, hosts=("127.0.0.1",))
        await pve.start(certificate, key)
    digest = hashlib.sha256(der).hexdigest().upper()
    fingerprint = ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
    print("ready", pve.port, fingerprint, flush=True)

    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        name, *arguments = json.loads(line)
        result = getattr(pve, name)(*arguments)
        if asyncio.iscoroutine(result):
            await result
        print("done", name, flush=True)
    await pve.stop()


asyncio.run(main())
