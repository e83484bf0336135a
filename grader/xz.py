"""An xz stream that is unpacked with bounded memory; the standard library's own reader has no bound."""

from __future__ import annotations

import lzma
from typing import IO, Final

BLOCK: Final = 1 << 16
# What `xz -9` needs is half of this.
XZ_MEMORY: Final = 128 << 20


class XzStream:
    """What an xz file holds, from front to back."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._packed = b""
        self._decompressor = self._new()

    def read(self, size: int = BLOCK) -> bytes:
        """Read at most so many bytes, none at the end."""
        while True:
            if self._decompressor.eof and not self._next_stream():
                return b""
            if self._decompressor.needs_input and not self._packed:
                self._packed = self._file.read(BLOCK)
                if not self._packed:
                    raise EOFError("it ends too early")
            packed, self._packed = self._packed, b""
            data = self._decompressor.decompress(packed, size)
            if data:
                return data

    def close(self) -> None:
        """Nothing is held."""

    def _next_stream(self) -> bool:
        rest = self._decompressor.unused_data
        while not rest.strip(b"\0"):
            rest = self._file.read(BLOCK)
            if not rest:
                return False
        self._packed = rest.lstrip(b"\0")
        self._decompressor = self._new()
        return True

    @staticmethod
    def _new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
