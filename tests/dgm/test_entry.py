"""Ctrl-C while a command is still being imported."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, signal, sys

signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background is started without

class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, CtrlC())
sys.argv = ["dgm", *{arguments!r}]
from dgm.__main__ import main
sys.exit(main())
"""


def interrupted_at(module: str, *arguments: str) -> tuple[int, str, str]:
    program = PROGRAM.format(module=module, arguments=arguments)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_ctrl_c_during_the_first_imports_is_told_in_one_line() -> None:
    assert interrupted_at("dgm.cli", "doctor") == (130, "", "dgm: stopped\n")


def test_ctrl_c_during_the_imports_of_a_search_too() -> None:
    assert interrupted_at("dgm.search", "run", "--cfg", "job") == (130, "", "dgm: stopped\n")
