"""Content-addressed blobs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from archive import Blobs, CorruptArchiveError, UnknownBlobError


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


@pytest.mark.parametrize("content", [b"", b"x", b"transcript " * 10_000, bytes(range(256))])
def test_content_comes_back(blobs: Blobs, content: bytes) -> None:
    digest = blobs.put(content)
    assert digest == hashlib.sha256(content).hexdigest()
    assert blobs.get(digest) == content
    assert blobs.has(digest)


def test_putting_twice_keeps_the_first_file(blobs: Blobs, tmp_path: Path) -> None:
    digest = blobs.put(b"twice")
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert path == tmp_path / "blobs" / digest[:2] / f"{digest}.zst"
    before = path.stat()
    assert blobs.put(b"twice") == digest
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert list(blobs) == [digest]


def test_large_texts_are_packed(blobs: Blobs, tmp_path: Path) -> None:
    blobs.put(b"the same line again\n" * 10_000)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.zst")) < 1000


@pytest.mark.parametrize("digest", ["0" * 64, "", "../etc/passwd", "A" * 64])
def test_an_unknown_digest(blobs: Blobs, digest: str) -> None:
    with pytest.raises(UnknownBlobError):
        blobs.get(digest)


def test_damage_is_named(blobs: Blobs, tmp_path: Path) -> None:
    digest, other = blobs.put(b"some content, long enough to flip a byte in"), blobs.put(b"other")
    path = tmp_path / "blobs" / digest[:2] / f"{digest}.zst"
    whole = path.read_bytes()
    broken = [whole[:-3], b"", whole[:20] + bytes([whole[20] ^ 1]) + whole[21:]]
    broken.append((tmp_path / "blobs" / other[:2] / f"{other}.zst").read_bytes())
    for content in broken:
        path.write_bytes(content)
        with pytest.raises(CorruptArchiveError, match=digest):
            blobs.get(digest)


def test_many_are_kept_together_and_named_in_their_order(blobs: Blobs) -> None:
    contents = [b"text %d" % (n % 30) for n in range(40)]
    digests = blobs.put_all(contents)
    assert digests == [hashlib.sha256(content).hexdigest() for content in contents]
    assert [blobs.get(digest) for digest in digests] == contents
    assert list(blobs) == sorted(set(digests))
    assert blobs.put_all([]) == []
