"""A SCPI instrument by scpipy: `scpi_server.py PORT`. It ends by being killed."""

import sys

from scpipy.server import Router, Server

router = Router()


@router.register("*IDN?")
def identify(context):
    return "Maker,Peer 1,S1,1.0"


@router.register("MEASure:VOLTage?")
def measure(context):
    return "+1.25"


# Our every query has a connection of its own, and the error queue must outlive it.
server = Server("127.0.0.1", int(sys.argv[1]), shared_context=True)
server.include_router(router)
server.run()
