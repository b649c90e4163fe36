"""Asks an instrument who it is by PyVISA: `visa_client.py RESOURCE READ_TERMINATION WRITE_TERMINATION`."""

import sys

import pyvisa

resource, read_termination, write_termination = sys.argv[1:]
instrument = pyvisa.ResourceManager("@py").open_resource(
    resource,
    read_termination=read_termination,
    write_termination=write_termination,
    timeout=10_000,
)
print("identity:", instrument.query("*IDN?"), flush=True)
