"""The Python that local boxes run: an interpreter and `openai` with its dependencies; pytest where they grade.

It is made once per machine and version, from the packages that are installed beside us (no network), in a
directory that an unprivileged uid can read, with byte code already compiled: importing `openai` is the
largest cost of a rollout.

    <cache>/runtime-<key>/
        venv/       pyvenv.cfg, bin/python3, site-packages: mounted at /opt/dgm in a bubblewrap box
        tools/      pytest with its dependencies, in boxes that grade only: mounted at /opt/tools
        etc/        passwd, group, hosts for a box
        base/       a copy of the interpreter, where the real one lies out of the reach of others
    <cache>/boot-<key>/
        init.pyc, relay.pyc: our own programs; mounted at /opt/dgm/boot
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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

FORMAT = "4"
PACKAGE = "openai"
TOOL = "pytest"
_OURS = Path(__file__).parent
_LEAN = _OURS.parent / "lean.py"
_BOOT = {"init": _OURS / "init.py", "relay": _OURS.parent / "relay.py"}
_NOT_COPIED = shutil.ignore_patterns(
    "site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3",
    "ensurepip", "config-*", "*.pyc", "*.a",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """Where the parts lie on the host. `base` has to be seen at `prefix`, as the interpreter expects."""

    directory: Path
    boot: Path
    digest: str
    prefix: Path
    base: Path

    @property
    def venv(self) -> Path:
        return self.directory / "venv"

    @property
    def tools(self) -> Path:
        return self.directory / "tools"

    @property
    def interpreter(self) -> str:
        """The bare interpreter at its own path: for our processes, which need no packages."""
        return str(self.prefix / "bin" / _interpreter_name())

    @property
    def host_interpreter(self) -> str:
        return str(Path(sys.base_prefix) / "bin" / _interpreter_name())


def runtime(cache: Path | None = None) -> Runtime:
    """The runtime for the interpreter and packages that run this process, made if it is not there yet."""
    packages, tools = closure(PACKAGE), closure(TOOL)
    prefix = Path(sys.base_prefix)
    copied = not readable_by_others(prefix / "bin") or not readable_by_others(prefix / "lib")
    facts = [FORMAT, sys.version, str(prefix), str(copied), sysconfig.get_platform(), _LEAN.read_text()]
    for distributions in (packages, tools):
        facts += sorted(f"{d.metadata['Name']}=={d.version}" for d in distributions)
    cache = cache or default_cache()
    digest = _digest(facts)
    directory = cache / f"runtime-{digest}"
    _make_once(directory, lambda building: _fill(building, packages, tools, prefix, copied))
    boot = cache / f"boot-{_digest([sys.version, *(path.read_text() for path in _BOOT.values())])}"
    _make_once(boot, _fill_boot)
    return Runtime(
        directory=directory,
        boot=boot,
        digest=digest,
        prefix=prefix,
        base=directory / "base" if copied else prefix,
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


def _digest(facts: list[str]) -> str:
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:16]


def _make_once(directory: Path, fill: Callable[[Path], None]) -> None:
    """Build under a temporary name, then rename: whoever comes second throws its own away."""
    if directory.is_dir():
        return
    directory.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=".building-", dir=directory.parent))
    try:
        fill(building)
        _open_to_all(building)
        try:
            building.rename(directory)
        except OSError:
            if not directory.is_dir():
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _fill(
    building: Path,
    packages: list[importlib.metadata.Distribution],
    tools: list[importlib.metadata.Distribution],
    prefix: Path,
    copied: bool,
) -> None:
    venv = building / "venv"
    site = venv / "lib" / _interpreter_name() / "site-packages"
    site.mkdir(parents=True)
    for distribution in packages:
        _copy_distribution(distribution, site)
    for distribution in tools:
        _copy_distribution(distribution, building / "tools")
    shutil.copyfile(_LEAN, site / "_lean.py")
    (site / "lean.pth").write_text("import _lean\n")  # every start-up reads path files
    (venv / "bin").mkdir()
    for name in ("python3", "python"):
        (venv / "bin" / name).symlink_to(prefix / "bin" / _interpreter_name())
    (venv / "boot").mkdir()  # where the boot directory is mounted
    (venv / "pyvenv.cfg").write_text(f"home = {prefix}/bin\ninclude-system-site-packages = false\n")
    etc = building / "etc"
    etc.mkdir()
    (etc / "passwd").write_text("root:x:0:0::/:/bin/false\nagent:x:1000:1000::/tmp:/bin/sh\n")
    (etc / "group").write_text("root:x:0:\nagent:x:1000:\n")
    (etc / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    if copied:
        _copy_interpreter(prefix, building / "base")
        _compile(building / "base" / "lib")
    _compile(site)
    _compile(building / "tools")


def _fill_boot(building: Path) -> None:
    for name, source in _BOOT.items():
        py_compile.compile(
            str(source), str(building / f"{name}.pyc"), dfile=f"{name}.py", doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )  # fmt: skip


def closure(package: str) -> list[importlib.metadata.Distribution]:
    """`package` and everything that it needs on this machine, whatever else lies on the path; extras are left out."""
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
            continue
        for line in found[name].requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
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
