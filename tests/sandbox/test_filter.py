from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from sandbox import SandboxUnavailableError
from sandbox.local.filter import REFUSED, program

ALLOW, KILL, REFUSE, ABSENT = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
X86, ARM = 0xC000003E, 0xC00000B7


def run(code: bytes, architecture: int, number: int, *arguments: int) -> int:
    """What the kernel would do with one call: an interpreter of the five operations in use."""
    record = struct.pack("II Q 6Q", number, architecture, 0, *(arguments + (0,) * 6)[:6])
    position = accumulator = 0
    while True:
        operation, yes, no, value = struct.unpack_from("HBBI", code, 8 * position)
        position += 1
        if operation == 0x06:
            return int(value)
        if operation == 0x20:
            accumulator = struct.unpack_from("I", record, value)[0]
        else:
            holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: accumulator & value != 0}
            position += yes if holds[operation] else no


@pytest.mark.parametrize(("machine", "architecture", "column"), [("x86_64", X86, 0), ("aarch64", ARM, 1)])
def test_each_call_on_the_list_is_refused_and_no_other(machine: str, architecture: int, column: int) -> None:
    code = program(machine)
    refused = {numbers[column] for numbers in REFUSED.values()}
    conditional = {41, 16, 160, 302, 435} if column == 0 else {198, 29, 164, 261, 435}
    for number in set(range(468)) - conditional:
        assert run(code, architecture, number) == (REFUSE if number in refused else ALLOW), number


def test_calls_newer_than_the_list_do_not_exist() -> None:
    assert {run(program("x86_64"), X86, number) for number in (468, 500, 10**6)} == {ABSENT}


def test_sockets_are_of_the_ordinary_families() -> None:
    code = program("x86_64")
    allowed = [family for family in range(50) if run(code, X86, 41, family, 1, 0) == ALLOW]
    assert allowed == [1, 2, 10, 16]
    assert run(code, X86, 41, 16, 3, 9) == REFUSE  # netlink, but not to list interfaces


def test_limits_can_be_set_only_on_oneself() -> None:
    code = program("x86_64")
    assert run(code, X86, 302, 0, 7) == ALLOW
    assert run(code, X86, 302, 1, 7) == REFUSE


def test_the_limit_of_core_files_cannot_be_changed() -> None:
    code = program("x86_64")
    assert run(code, X86, 160, 7, 1) == run(code, X86, 302, 0, 7, 1) == ALLOW
    assert run(code, X86, 302, 0, 4, 0) == ALLOW  # only asked for
    assert run(code, X86, 302, 0, 4, 8) == run(code, X86, 302, 0, 4, 8 << 32) == REFUSE
    assert run(code, X86, 160, 4, 8) == REFUSE


@pytest.mark.parametrize(("machine", "architecture", "clone"), [("x86_64", X86, 56), ("aarch64", ARM, 220)])
def test_a_new_process_shares_every_namespace(machine: str, architecture: int, clone: int) -> None:
    code = program(machine)
    thread, fork = 0x3D0F00, 0x01200011  # what the C library asks for
    assert run(code, architecture, clone, thread) == run(code, architecture, clone, fork) == ALLOW
    for bit in (17, 25, 26, 27, 28, 29, 30):
        assert run(code, architecture, clone, fork | 1 << bit) == REFUSE
    assert run(code, architecture, 435, 0, 88) == ABSENT  # the C library goes on with clone


def test_characters_cannot_be_pushed_into_a_terminal() -> None:
    assert run(program("x86_64"), X86, 16, 0, 0x5412) == REFUSE
    assert run(program("x86_64"), X86, 16, 0, 0x541C) == REFUSE
    assert run(program("x86_64"), X86, 16, 0, 0x5413) == ALLOW


def test_calls_of_another_architecture_kill_and_of_x32_are_refused() -> None:
    assert run(program("x86_64"), 0x40000003, 1) == KILL
    assert run(program("x86_64"), X86, 0x40000000 | 425) == REFUSE


def test_an_unknown_machine_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(SandboxUnavailableError, match="x86_64, aarch64"):
        program("vax")


@pytest.mark.parametrize(
    ("header", "column"),
    [("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", 0), ("/usr/include/asm-generic/unistd.h", 1)],
)
def test_the_numbers_are_those_of_the_kernels_headers(header: str, column: int) -> None:
    if not Path(header).exists():
        pytest.skip(f"no {header} here")
    text = Path(header).read_text()
    known = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+) (\d+)", text)}
    ours = {name: numbers[column] for name, numbers in REFUSED.items() if name in known}
    assert ours == {name: known[name] for name in ours}
    assert len(ours) > 20
