"""The Python that local boxes run: an interpreter and `openai` with its dependencies, nothing else.

It is made once per machine and version, from the packages that are installed beside us (no network), in a
directory that an unprivileged uid can read, with byte code already compiled: importing `openai` is the
largest cost of a rollout.

    <cache>/runtime-<key>/
        venv/       pyvenv.cfg, bin/python3, site-packages: mounted at /opt/dgm in a bubblewrap box
        boot/       init.pyc and relay.pyc, compiled; mounted at /opt/dgm/boot
        etc/        passwd, group, hosts for a box
        base/       a copy of the interpreter, only where the real one lies in a directory that others cannot enter
"""

from __future__ import annotations

import compileall
import hashlib
import importlib.metadata
import os
import py_compile
import re
import shutil
import stat
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

FORMAT = "1"
PACKAGE = "openai"
_OURS = Path(__file__).parent
_BOOT = {"init": _OURS / "init.py", "relay": _OURS.parent / "relay.py"}
_NOT_COPIED = shutil.ignore_patterns(
    "site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip", "config-*",
    "*.pyc", "*.a",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """Where the parts lie on the host. `base` is to be seen at `prefix`, the path that the interpreter was built for."""

    directory: Path
    digest: str
    prefix: Path
    base: Path

    @property
    def venv(self) -> Path:
        return self.directory / "venv"

    @property
    def interpreter(self) -> str:
        """The bare interpreter at its own path: for our processes, which need no packages."""
        return str(self.prefix / "bin" / _interpreter_name())

    @property
    def host_interpreter(self) -> str:
        return str(Path(sys.base_prefix) / "bin" / _interpreter_name())


def runtime(cache: Path | None = None) -> Runtime:
    """The runtime for the interpreter and packages that run this process, made if it is not there yet."""
    closure = _closure(PACKAGE)
    prefix = Path(sys.base_prefix)
    copied = not readable_by_others(prefix / "bin") or not readable_by_others(prefix / "lib")
    facts = [FORMAT, sys.version, str(prefix), str(copied), sysconfig.get_platform()]
    facts += sorted(f"{d.metadata['Name']}=={d.version}" for d in closure)
    facts += [path.read_text() for path in _BOOT.values()]
    digest = hashlib.sha256("\0".join(facts).encode()).hexdigest()[:16]
    cache = cache or default_cache()
    directory = cache / f"runtime-{digest}"
    if not directory.is_dir():
        _make(directory, closure, prefix, copied)
    return Runtime(
        directory=directory, digest=digest, prefix=prefix, base=directory / "base" if copied else prefix
    )


def default_cache() -> Path:
    """The user's cache directory; as root /var/cache/dgm where that one is closed to other users."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    existing = next(path for path in (home, *home.parents) if path.is_dir())
    if os.geteuid() == 0 and not readable_by_others(existing):
        return Path("/var/cache/dgm")
    return home / "dgm"


def readable_by_others(path: Path) -> bool:
    """Whether any uid may enter this directory and list it."""
    path = path.resolve()
    if not path.exists():
        return False
    passable = all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents)
    return passable and path.stat().st_mode & 0o005 == 0o005


def _make(
    directory: Path, closure: list[importlib.metadata.Distribution], prefix: Path, copied: bool
) -> None:
    """Build under a temporary name, then rename: whoever comes second throws its own away."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=".building-", dir=directory.parent))
    try:
        site = building / "venv" / "lib" / _interpreter_name() / "site-packages"
        site.mkdir(parents=True)
        for distribution in closure:
            _copy_distribution(distribution, site)
        binaries = building / "venv" / "bin"
        binaries.mkdir()
        for name in ("python3", "python"):
            (binaries / name).symlink_to(prefix / "bin" / _interpreter_name())
        (building / "venv" / "boot").mkdir()  # the place where `boot` is mounted
        (building / "venv" / "pyvenv.cfg").write_text(
            f"home = {prefix}/bin\ninclude-system-site-packages = false\n"
        )
        boot = building / "boot"
        boot.mkdir()
        for name, source in _BOOT.items():
            py_compile.compile(
                str(source), str(boot / f"{name}.pyc"), dfile=f"{name}.py", doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )  # fmt: skip
        etc = building / "etc"
        etc.mkdir()
        (etc / "passwd").write_text("root:x:0:0::/:/bin/false\nagent:x:1000:1000::/tmp:/bin/sh\n")
        (etc / "group").write_text("root:x:0:\nagent:x:1000:\n")
        (etc / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
        if copied:
            _copy_interpreter(prefix, building / "base")
            _compile(building / "base" / "lib")
        _compile(site)
        _open_to_all(building)
        try:
            building.rename(directory)
        except OSError:
            if not directory.is_dir():
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _closure(package: str) -> list[importlib.metadata.Distribution]:
    """`package` and everything that it needs, as far as it is installed here; extras are left out."""
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = [package]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            found[name] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            if name == package:
                raise
            continue  # its marker does not hold here, or it would be installed
        for requirement in found[name].requires or ():
            head, _, marker = requirement.partition(";")
            if "extra" not in marker and (match := re.match(r"[A-Za-z0-9._-]+", head.strip())):
                waiting.append(match.group())
    return list(found.values())


def _copy_distribution(distribution: importlib.metadata.Distribution, site: Path) -> None:
    for file in distribution.files or ():
        source = Path(str(distribution.locate_file(file)))
        if ".." in file.parts or file.is_absolute() or file.suffix == ".pyc" or not source.is_file():
            continue  # scripts lie outside, byte code is made anew
        target = site.joinpath(*file.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _copy_interpreter(prefix: Path, base: Path) -> None:
    name = _interpreter_name()
    (base / "bin").mkdir(parents=True)
    (base / "lib").mkdir()
    shutil.copy(prefix / "bin" / name, base / "bin" / name)
    for library in (prefix / "lib").glob("libpython*.so*"):
        shutil.copy(library, base / "lib" / library.name)
    shutil.copytree(prefix / "lib" / name, base / "lib" / name, ignore=_NOT_COPIED, symlinks=False)


def _compile(directory: Path) -> None:
    compileall.compile_dir(
        directory, quiet=2, stripdir=str(directory),
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )  # fmt: skip


def _open_to_all(directory: Path) -> None:
    """Readable for every uid, whatever our umask says."""
    for parent, _, files in os.walk(directory):
        Path(parent).chmod(0o755)
        for file in files:
            path = Path(parent) / file
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _interpreter_name() -> str:
    return f"python{sys.version_info.major}.{sys.version_info.minor}"
