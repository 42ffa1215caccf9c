"""Recognise content: the hash of a file's head, of what lies before a position, and of the whole."""

from collections import deque

from xxhash import xxh3_128, xxh3_128_digest, xxh3_128_hexdigest

HEAD_BYTES = 64 * 1024
TAIL_BYTES = 4096
BLOCK_BYTES = 1 << 20

_WINDOW_BYTES = 4 << 20  # what is kept to hash the tail at a position that lies before the last byte read


def head_hash(head: bytes) -> str:
    """The fingerprint: it carries no seed, so that the same file gives the same event ids everywhere."""
    return xxh3_128_hexdigest(head)


class Trail:
    """Hashes of the content read so far.

    The hash of the whole is a chain over blocks of 1 MiB, each hashed together with the hash before it, so that it can
    be taken up again at any block. The seed is secret: nobody can write content that poses as a copy of another.
    """

    def __init__(self, seed: int, offset: int = 0, chain: bytes = b"", before: bytes = b"") -> None:
        """Begin at `offset`, the start of a block; `chain` and `before` are what led there."""
        self.length = offset
        self._seed = seed
        self._pieces = deque([before])
        self._kept = len(before)
        self._chains = {offset // BLOCK_BYTES: chain}
        self._block = xxh3_128(chain, seed)

    def feed(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._kept += len(piece)
        while self._kept - len(self._pieces[0]) >= _WINDOW_BYTES:
            self._kept -= len(self._pieces.popleft())
        rest = memoryview(piece)
        while rest:
            part = rest[: BLOCK_BYTES - self.length % BLOCK_BYTES]
            self._block.update(part)
            self.length += len(part)
            rest = rest[len(part) :]
            if self.length % BLOCK_BYTES == 0:
                self._end_block()

    def _end_block(self) -> None:
        chain = self._block.digest()
        number = self.length // BLOCK_BYTES
        self._chains[number] = chain
        self._chains.pop(number - 2 * _WINDOW_BYTES // BLOCK_BYTES, None)
        self._block = xxh3_128(chain, self._seed)

    def before(self, offset: int) -> bytes:
        """Return up to 4 KB that lie before an offset within the last 4 MiB."""
        wanted = TAIL_BYTES
        parts: list[bytes] = []
        end = self.length
        for piece in reversed(self._pieces):
            part = piece[: max(0, len(piece) - max(0, end - offset))]
            end -= len(piece)
            if part:
                parts.append(part[-wanted:])
                wanted -= len(parts[-1])
            if wanted == 0:
                break
        return b"".join(reversed(parts))

    def tail_at(self, offset: int) -> str:
        return tail_hash(self.before(offset), self._seed)

    def chain_at(self, offset: int) -> str:
        return self._chains[offset // BLOCK_BYTES].hex()

    def whole(self) -> str:
        return self._block.hexdigest()


def tail_hash(tail: bytes, seed: int) -> str:
    return xxh3_128_digest(tail, seed).hex()
