"""A tracker as a program: it does with the events what its options say."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from dgm.tracking.events import described, finals, measured, options, told

given = options()
if given["does"] == "raises":
    raise RuntimeError("the server is gone")
if given["does"] == "hangs":
    if "helper" in given:
        subprocess.Popen(["sleep", given["helper"]])
    Path(given["at"]).write_text(str(os.getpid()))
    time.sleep(600)
for event in told():
    read = {"started": described, "status": measured, "ended": finals}[event["event"]]
    with Path(given["at"]).open("a") as file:
        file.write(f"{event['event']} {read(event)}\n")
sys.exit(given.get("status", 0))
