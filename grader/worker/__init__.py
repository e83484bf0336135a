"""The untrusted end: runs inside the walls beside the hand-in.

Imports the standard library, msgspec, safetensors, torch and its own modules, and nothing of the
rest of the kit. The trusted end imports `wire` and `codec` from here, and runs `server` over the
worked solution to obtain reference values.
"""
