"""Agents as commits of one bare git repository. The only file that imports GitPython.

An agent is a whole tree. Its commit has its parent agent as first parent and context parents after it, a
fixed author and a date that depends on a sequence number alone, so the same agent has the same id in any
repository. Objects are written as loose object files under temporary names, fsynced and renamed, objects
before the commit and the commit before its ref; there is never a work tree, an index or a hook. Git itself
only reads, and sees no configuration but the repository's own, so nobody's `~/.gitconfig` or environment
changes what an archive holds.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from os import devnull
from pathlib import Path

from .disk import OnceWritten, make_directory, write_durably
from .errors import CorruptArchiveError, UnknownAgentError
from .patches import bounded_patch
from .records import AgentId
from .trees import DIRECTORY, git_object, object_name, tree_entries, tree_objects

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_AUTHOR = "dgm <dgm@localhost>"
_AGENT_ID = re.compile(r"[0-9a-f]{40}")
_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tfilemode = false
\tbare = true
\tfsync = all
\tlogAllRefUpdates = false
[gc]
\tauto = 0
"""


def commit_object(tree: str, parents: Sequence[AgentId], message: str, seq: int) -> tuple[AgentId, bytes]:
    """The commit of an agent: its id, and what its object holds. `seq` dates it."""
    seconds = int((_EPOCH + timedelta(seconds=seq)).timestamp())
    stamp = f"{_AUTHOR} {seconds} +0000"
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {stamp}", f"committer {stamp}", "", message.rstrip("\n") + "\n"]
    return git_object("commit", "\n".join(lines).encode())


class GitStore:
    """The agents' code of one run, at `<run>/code.git`. One writer at a time; call `close` or use `with`."""

    def __init__(self, path: str | Path) -> None:
        self._path = self.path = Path(path).absolute()
        if not (self._path / "HEAD").is_file():
            raise CorruptArchiveError("no git repository here", path=self._path)
        import git  # here, because importing it runs git, and a job that only hashes trees may have none

        self._git = git.Git(str(self._path))
        self._git.update_environment(
            GIT_DIR=str(self._path),
            GIT_COMMON_DIR=str(self._path),
            GIT_OBJECT_DIRECTORY=str(self._path / "objects"),
            GIT_ALTERNATE_OBJECT_DIRECTORIES="",
            GIT_CONFIG_NOSYSTEM="1",
            GIT_CONFIG_SYSTEM=devnull,
            GIT_CONFIG_GLOBAL=devnull,
            GIT_CONFIG_COUNT="0",
            GIT_CONFIG_PARAMETERS="",
            GIT_NO_REPLACE_OBJECTS="1",
        )
        self._files = OnceWritten(self._path)

    @classmethod
    def create(cls, path: str | Path) -> GitStore:
        """Make an empty repository at `path`, durably."""
        path = Path(path)
        for directory in ("objects/info", "objects/pack", "refs/heads", "refs/agents"):
            make_directory(path / directory)
        write_durably(path / "config", _CONFIG.encode())
        write_durably(path / "HEAD", b"ref: refs/heads/main\n")
        return cls(path)

    def commit(
        self, files: Mapping[str, bytes], *, parents: Sequence[AgentId] = (), message: str, seq: int
    ) -> AgentId:
        """Keep `files` as an agent and return its id; durable when this returns.

        `parents` are the parent agent first, then the context parents. `seq` dates the commit: 2000-01-01 UTC
        plus so many seconds. The same arguments give the same id, in any repository, and may be written
        again.
        """
        for parent in parents:
            self._require(parent)
        tree, objects = tree_objects(files)
        id, object = commit_object(tree, parents, message, seq)
        self._write(objects)
        self._write({id: object})
        self._files.put(f"refs/agents/{id}", lambda: f"{id}\n".encode())
        return id

    def keep(self, id: AgentId) -> None:
        """Have a ref for an agent whose objects are here already; durable when this returns."""
        self._read(id, "commit")
        self._files.put(f"refs/agents/{id}", lambda: f"{id}\n".encode())

    def reachable(self, ids: Iterable[AgentId]) -> frozenset[str]:
        """The names of all objects that these agents need: commits, their parents, trees and files."""
        found: set[str] = set()
        waiting = list(ids)
        while waiting:
            id = waiting.pop()
            if id not in found:
                found.add(id)
                tree, parents = self.commit_of(id)
                self._add_tree(tree, found)
                waiting += parents
        return frozenset(found)

    def _add_tree(self, tree: str, found: set[str]) -> None:
        if tree in found:
            return
        found.add(tree)
        for mode, name, _ in tree_entries(self._read(tree, "tree")):
            if mode == DIRECTORY:
                self._add_tree(name, found)
            else:
                found.add(name)

    def files(self, id: AgentId) -> dict[str, bytes]:
        """The tree of agent `id`: relative POSIX path -> content, in path order."""
        return self.files_of(self.tree(id))

    def files_of(self, tree: str) -> dict[str, bytes]:
        """The files of the tree with this hash."""
        return dict(sorted(self._walk(tree, "")))

    def tree(self, id: AgentId) -> str:
        """The hash of the tree of agent `id`; equal to `tree_hash` of its files."""
        self._require(id)
        return self.commit_of(id)[0]

    def commit_of(self, id: AgentId) -> tuple[str, tuple[AgentId, ...]]:
        """The hash of the tree and the parents that the commit of agent `id` names, whether a ref keeps it or not."""
        header = self._read(id, "commit").partition(b"\n\n")[0].decode()
        tree, *rest = header.split("\n")
        parents = (line.removeprefix("parent ") for line in rest if line.startswith("parent "))
        return tree.removeprefix("tree "), tuple(parents)

    def patch(self, a: AgentId, b: AgentId) -> str:
        """What leads from agent `a` to agent `b`, as a unified diff; binary and very large changes are only named."""
        return bounded_patch(self.files(a), self.files(b)).text

    def agents(self) -> tuple[AgentId, ...]:
        """The ids of all agents here, in the order of their ids."""
        names = {path.name for path in (self._path / "refs" / "agents").iterdir()}
        packed = self._path / "packed-refs"
        if packed.exists():
            found = re.findall(r"^[0-9a-f]{40} refs/agents/(\S+)$", packed.read_text(), re.MULTILINE)
            names.update(found)
        return tuple(sorted(name for name in names if _AGENT_ID.fullmatch(name)))

    def wrong_refs(self) -> tuple[AgentId, ...]:
        """The agents whose ref does not name them: git would find another commit there, or none."""
        refs = sorted((self._path / "refs" / "agents").iterdir())
        named = [path for path in refs if _AGENT_ID.fullmatch(path.name)]
        return tuple(path.name for path in named if path.read_bytes() != f"{path.name}\n".encode())

    def __contains__(self, id: object) -> bool:
        if not isinstance(id, str) or not _AGENT_ID.fullmatch(id):
            return False
        return (self._path / "refs" / "agents" / id).exists() or id in self.agents()

    def close(self) -> None:
        """End the git process that reads objects. A later read starts another one."""
        self._git.clear_cache()

    def __enter__(self) -> GitStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _require(self, id: AgentId) -> None:
        if id not in self:
            raise UnknownAgentError(f"no agent {id!r} in {self._path}")

    def _write(self, objects: Mapping[str, bytes]) -> None:
        """Write loose objects. A file under its final name was fsynced before it got it, so it is whole."""
        self._files.put_all(
            {
                f"objects/{name[:2]}/{name[2:]}": partial(zlib.compress, content, 1)
                for name, content in objects.items()
            }
        )

    def _read(self, name: str, type: str) -> bytes:
        """An object, asked for once more if the process that reads has gone: a Ctrl-C at the terminal reaches it too,
        before its answer or in the middle of it.
        """
        try:
            return self._ask(name, type)
        except CorruptArchiveError:
            self._git.clear_cache()
            return self._ask(name, type)

    def _ask(self, name: str, type: str) -> bytes:
        try:
            _, found, _, content = self._git.get_object_data(name)
        except (ValueError, OSError) as error:
            raise CorruptArchiveError(
                f"git object {name} cannot be read ({error})", path=self._path
            ) from error
        kind = found.decode() if isinstance(found, bytes) else found
        if kind != type or object_name(type, content) != name:
            raise CorruptArchiveError(f"git object {name} is not the {type} it should be", path=self._path)
        return content

    def _walk(self, tree: str, prefix: str) -> Iterator[tuple[str, bytes]]:
        for mode, name, leaf in tree_entries(self._read(tree, "tree")):
            path = f"{prefix}{leaf}"
            if mode == DIRECTORY:
                yield from self._walk(name, f"{path}/")
            else:
                yield path, self._read(name, "blob")
