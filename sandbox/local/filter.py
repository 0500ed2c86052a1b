"""The system call filter of a bubblewrap box, as the bytes of a classic BPF program.

A list of what is refused: everything that leads out of the namespaces, into the kernel's less travelled parts, or at
another process of the box (its init has the same uid: `prlimit` on it needs no privilege). The limit of core files
stays what it is: 1 is the one value by which the kernel hands no dump to a program of the host either. Containers get
the stricter allowlist of `docker/seccomp.json` from the engine, which knows the numbers of all calls.
"""

from __future__ import annotations

import errno
import os
import struct
from dataclasses import dataclass

from sandbox.errors import SandboxUnavailableError

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _REFUSE, _ABSENT = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in the kernel's record of a call
_X32 = 0x40000000
NEWEST = 467  # the list below was made for calls up to this number; newer ones do not exist in a box
RLIMIT_CORE = 4
TIOCSTI, TIOCLINUX, TIOCSETD = 0x5412, 0x541C, 0x5423
NEW_NAMESPACES = 0x7E020000  # the CLONE_NEW* flags that `clone` takes
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16

# Name -> number on x86-64 and on 64-bit ARM; None where the call does not exist.
REFUSED: dict[str, tuple[int | None, int | None]] = {
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "move_pages": (279, 239), "migrate_pages": (256, 238),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "memfd_secret": (447, 447),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "fanotify_init": (300, 262),
    "quotactl": (179, 60), "acct": (163, 89), "syslog": (103, 116), "reboot": (169, 142), "vhangup": (153, 58),
    "swapon": (167, 224), "swapoff": (168, 225), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "lookup_dcookie": (212, 18),
    "io_setup": (206, 0), "io_submit": (209, 2), "open_tree_attr": (467, 467), "quotactl_fd": (443, 443),
    "modify_ldt": (154, None), "ioperm": (173, None), "iopl": (172, None),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Machine:
    audit: int
    column: int
    socket: int
    ioctl: int
    prlimit: int
    setrlimit: int
    clone: int
    clone3: int = 435


_MACHINES = {
    "x86_64": _Machine(audit=0xC000003E, column=0, socket=41, ioctl=16, prlimit=302, setrlimit=160, clone=56),
    "aarch64": _Machine(
        audit=0xC00000B7, column=1, socket=198, ioctl=29, prlimit=261, setrlimit=164, clone=220
    ),
}


def program(machine: str | None = None) -> bytes:
    """The filter for this machine's architecture."""
    name = machine or os.uname().machine
    if name not in _MACHINES:
        raise SandboxUnavailableError(f"no system call filter for {name}: known are {', '.join(_MACHINES)}")
    this = _MACHINES[name]
    code = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, this.audit, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
    ]
    code += [_step(_AT_LEAST, _X32, 0, 1), _step(_RETURN, _REFUSE)]
    code += [_step(_AT_LEAST, NEWEST + 1, 0, 1), _step(_RETURN, _ABSENT)]
    for numbers in REFUSED.values():
        if (number := numbers[this.column]) is not None:
            code += _when(number, [_step(_RETURN, _REFUSE)])
    # The third argument says where a new limit lies, if one is given.
    core = [*_unless(_argument(2), 0), *_unless(_argument(2, upper=True), 0)]
    own_limits = [*_unless(_argument(0), 0), _argument(1), *_when(RLIMIT_CORE, core)]
    code += _when(this.prlimit, [*own_limits, _step(_RETURN, _ALLOW)])
    code += _when(
        this.setrlimit, [_argument(0), *_when(RLIMIT_CORE, [_step(_RETURN, _REFUSE)]), _step(_RETURN, _ALLOW)]
    )
    # The flags of clone3 lie in memory, where a filter cannot look: the C library falls back to clone.
    code += _when(this.clone3, [_step(_RETURN, _ABSENT)])
    namespaces = [_step(_ANY_BIT, NEW_NAMESPACES, 0, 1), _step(_RETURN, _REFUSE)]
    code += _when(this.clone, [_argument(0), *namespaces, _step(_RETURN, _ALLOW)])
    typing = [
        step for number in (TIOCSTI, TIOCLINUX, TIOCSETD) for step in _when(number, [_step(_RETURN, _REFUSE)])
    ]
    code += _when(this.ioctl, [_argument(1), *typing, _step(_RETURN, _ALLOW)])
    families = [_argument(0)]
    for family in (AF_UNIX, AF_INET, AF_INET6):
        families += _when(family, [_step(_RETURN, _ALLOW)])
    # Netlink serves to list interfaces, and only its protocol 0 does.
    families += _when(AF_NETLINK, [_argument(2), *_when(0, [_step(_RETURN, _ALLOW)])])
    code += _when(this.socket, [*families, _step(_RETURN, _REFUSE)])
    code.append(_step(_RETURN, _ALLOW))
    return b"".join(code)


def _step(operation: int, value: int, when_true: int = 0, when_false: int = 0) -> bytes:
    return struct.pack("HBBI", operation, when_true, when_false, value)


def _argument(index: int, *, upper: bool = False) -> bytes:
    """Load half of an argument, mostly the lower: it is all that the kernel takes of numbers and flags."""
    return _step(_LOAD, _ARGUMENTS + 8 * index + 4 * upper)


def _unless(load: bytes, value: int) -> list[bytes]:
    """Refuse the call unless what is loaded is this."""
    return [load, _step(_EQUAL, value, 1, 0), _step(_RETURN, _REFUSE)]


def _when(value: int, block: list[bytes]) -> list[bytes]:
    return [_step(_EQUAL, value, 0, len(block)), *block]
