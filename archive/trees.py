"""Trees of files as git sees them: paths, hashes, objects. Pure functions; no git is needed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping

from .errors import BadPathError

FILE, DIRECTORY = b"100644", b"40000"

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FORBIDDEN = frozenset({"", ".", "..", ".git", "git~1"})


def tree_hash(files: Mapping[str, bytes]) -> str:
    """The hash that git gives to the tree of `files`: equal exactly when the trees are equal."""
    return tree_objects(files)[0]


def check_path(path: str) -> None:
    """Raise `BadPathError` unless `path` may stand in the tree of an agent."""
    parts = path.split("/")
    if any(part.lower() in _FORBIDDEN for part in parts):
        raise BadPathError(f"a path must be relative, plain and without .git parts, got {path!r}")
    if _CONTROL.search(path):
        raise BadPathError(f"a path must not have control characters, got {path!r}")
    try:
        path.encode()
    except UnicodeEncodeError:
        raise BadPathError(f"a path must be UTF-8, got {path!r}") from None


def object_name(type: str, content: bytes) -> str:
    """The hash that names a git object."""
    return hashlib.sha1(
        b"%s %d\0" % (type.encode(), len(content)) + content, usedforsecurity=False
    ).hexdigest()


def git_object(type: str, content: bytes) -> tuple[str, bytes]:
    """A git object: its name and what its loose file holds before compression."""
    return object_name(type, content), b"%s %d\0" % (type.encode(), len(content)) + content


def tree_objects(files: Mapping[str, bytes]) -> tuple[str, dict[str, bytes]]:
    """The root tree's hash, and every object below it, leaves first."""
    objects: dict[str, bytes] = {}
    folders: dict[str, dict[str, tuple[bytes, str]]] = {"": {}}
    for path in sorted(files):
        check_path(path)
        name, content = git_object("blob", files[path])
        objects[name] = content
        folder, _, leaf = path.rpartition("/")
        for parent in _folders(folder):
            folders.setdefault(parent, {})
        folders[folder][leaf] = (FILE, name)
    root = ""
    for folder in sorted(folders, key=lambda f: (f.count("/") + bool(f), f), reverse=True):
        root, content = git_object("tree", _tree_content(folders[folder].items()))
        objects[root] = content
        if folder:
            parent, _, leaf = folder.rpartition("/")
            if leaf in folders[parent]:
                raise BadPathError(f"{folder!r} is a file and a directory at once")
            folders[parent][leaf] = (DIRECTORY, root)
    return root, objects


def _folders(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def _tree_content(entries: Iterable[tuple[str, tuple[bytes, str]]]) -> bytes:
    """Git orders a directory as if its name ended in a slash."""
    rows = [(leaf.encode(), mode, name) for leaf, (mode, name) in entries]
    rows.sort(key=lambda row: row[0] + (b"/" if row[1] == DIRECTORY else b""))
    return b"".join(mode + b" " + leaf + b"\0" + bytes.fromhex(name) for leaf, mode, name in rows)


def tree_entries(content: bytes) -> Iterator[tuple[bytes, str, str]]:
    """What stands in a tree object: mode, object name, leaf."""
    at = 0
    while at < len(content):
        end = content.index(b"\0", at)
        mode, _, leaf = content[at:end].partition(b" ")
        at = end + 21
        yield mode, content[end + 1 : at].hex(), leaf.decode()
