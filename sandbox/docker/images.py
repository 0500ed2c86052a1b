"""The two images, built once and addressed by digest.

The tag is a hash of everything that goes in (Dockerfile, our programs, package versions, base image), so an
image that is there is the right one, and a missing one is an error before anything is spent.
"""

from __future__ import annotations

import hashlib
import io
import logging
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sandbox.docker.engine import Engine
from sandbox.errors import ImageMissingError, SandboxUnavailableError
from sandbox.local.runtime import PACKAGE, TOOL, closure

log = logging.getLogger(__name__)

TARGETS = ("agent", "grader")
BASE_IMAGES = ("dgm-base", "python:3.11-slim")
"""Tried in this order: what `scripts/base-image` makes, then what a registry offers."""

_HERE = Path(__file__).parent
_BOOT = {
    "relay.py": _HERE.parent / "relay.py",
    "pair.py": _HERE / "pair.py",
    "lean.py": _HERE.parent / "lean.py",
}
_LABEL = "dgm.image"


@dataclass(frozen=True, kw_only=True)
class Images:
    """The ids of both images on one engine."""

    agent: str
    grader: str


def find(engine: Engine, base: str | None = None) -> Images:
    """The images that belong to this version, or `ImageMissingError`."""
    base_id = _base(engine, base)[1]
    ids = {}
    for target in TARGETS:
        name = _tag(target, base_id)
        found = engine.image(name)
        if found is None:
            raise ImageMissingError(name)
        ids[target] = found[0]
    return Images(**ids)


def build(engine: Engine, base: str | None = None) -> Images:
    """Build what is missing and give the ids. Downloads wheels (`openai`, `pytest`), and a base image if need be."""
    try:
        name, base_id = _base(engine, base)
    except ImageMissingError:
        wanted = base or BASE_IMAGES[-1]
        try:
            engine.pull(wanted)
        except SandboxUnavailableError as error:
            raise SandboxUnavailableError(
                f"no base image: {wanted} cannot be pulled here ({error}); `scripts/base-image` makes one"
            ) from error
        name, base_id = _base(engine, base)
    missing = [target for target in TARGETS if engine.image(_tag(target, base_id)) is None]
    if missing:
        context = _context(_wheels(engine, name))
        for target in missing:
            engine.build(
                context, target=target, tag=_tag(target, base_id), arguments={"BASE_IMAGE": name},
                labels={_LABEL: target}, told=log.debug,
            )  # fmt: skip
    return find(engine, base)


def _base(engine: Engine, wanted: str | None) -> tuple[str, str]:
    for name in (wanted,) if wanted else BASE_IMAGES:
        if found := engine.image(name):
            return name, found[0]
    raise ImageMissingError(wanted or " or ".join(BASE_IMAGES))


def _tag(target: str, base_id: str) -> str:
    parts = [base_id, dockerfile(), *(path.read_text() for path in _BOOT.values()), *_pins()]
    return f"dgm-{target}:{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:16]}"


def _pins() -> list[str]:
    wanted = {f"{one.metadata['Name']}=={one.version}" for name in (PACKAGE, TOOL) for one in closure(name)}
    return sorted(wanted)


def dockerfile() -> str:
    return (_HERE / "Dockerfile").read_text()


def _wheels(engine: Engine, base: str) -> dict[str, bytes]:
    """Wheels that suit the Python of the base image."""
    asked = "import sys, sysconfig; print(*sys.version_info[:2], sysconfig.get_platform().split('-')[-1])"
    major, minor, machine = engine.run(base, ["python3", "-c", asked]).decode().split()
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", directory]
        command += ["--only-binary=:all:", "--no-deps", "--python-version", f"{major}.{minor}"]
        for version in ("_2_28", "_2_17", "2014"):
            command += ["--platform", f"manylinux{version}_{machine}"]
        done = subprocess.run([*command, *_pins()], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SandboxUnavailableError(
                f"pip could not get the wheels for the images: {done.stderr[-500:]}"
            )
        return {path.name: path.read_bytes() for path in Path(directory).iterdir()}


def _context(wheels: dict[str, bytes]) -> bytes:
    files = {"Dockerfile": dockerfile().encode()}
    files |= {f"boot/{name}": path.read_bytes() for name, path in _BOOT.items()}
    files |= {f"wheels/{name}": content for name, content in wheels.items()}
    return _tar(sorted(files.items()))


def _tar(files: Iterable[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files:
            header = tarfile.TarInfo(name)
            header.size, header.mode = len(content), 0o644
            tar.addfile(header, io.BytesIO(content))
    return buffer.getvalue()
