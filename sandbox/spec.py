"""What a box specification must hold before anything is started for it."""

from __future__ import annotations

import re

from sandbox.base import BoxSpec
from sandbox.errors import InvalidSpecError
from sandbox.transfer import name_fault

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_AREA = re.compile(r"[a-z][a-z0-9_]{0,31}")


def checked(spec: BoxSpec) -> BoxSpec:
    """The same specification, or `InvalidSpecError` that names what is wrong with it."""
    if not _NAME.fullmatch(spec.name) or not _NAME.fullmatch(spec.kind):
        raise InvalidSpecError(f"name and kind become labels, got {spec.name!r} and {spec.kind!r}")
    areas = [*spec.areas, *spec.private]
    for area in areas:
        if not _AREA.fullmatch(area) or area == "workspace" or areas.count(area) > 1:
            raise InvalidSpecError(f"{area!r} cannot name an area: lower-case, not 'workspace', not twice")
    for where, files in (("workspace", spec.workspace), *spec.areas.items(), *spec.private.items()):
        for name in files:
            if fault := name_fault(name):
                raise InvalidSpecError(f"{where} holds {name!a}: {fault}")
    if spec.door is not None and not spec.door.is_dir():
        raise InvalidSpecError(f"the door {spec.door} is not a directory")
    return spec
