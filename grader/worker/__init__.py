"""The untrusted end: runs inside the walls beside the hand-in.

Imports the standard library, msgspec, safetensors, torch, numpy (to seed it) and its own modules, and
nothing of the rest of the kit. The trusted end imports `wire`, `codec` and `values` from here, and
runs `server` over the worked solution to obtain reference values.
"""
