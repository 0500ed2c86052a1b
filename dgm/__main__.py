"""How `dgm` begins: Ctrl-C is minded from the first import on."""

from __future__ import annotations

import sys

STOPPED = 130
"""The exit status of a command that its operator stopped."""


def main() -> int:
    """Run one command; see `dgm.cli.main`."""
    try:
        from dgm import cli  # here, because the imports take long enough to be interrupted

        return cli.main()
    except KeyboardInterrupt:
        sys.stderr.write("dgm: stopped\n")
        return STOPPED


if __name__ == "__main__":
    sys.exit(main())
