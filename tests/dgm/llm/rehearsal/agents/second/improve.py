import os
from pathlib import Path

from worker import Worker, model

EVIDENCE_CHARS = 2500
FILE_CHARS = 20_000


def main():
    seen = ""
    for path in sorted(Path(os.environ["DGM_EVIDENCE"]).rglob("*.*")):
        if path.name in ("transcript.json", "visible_tests.txt"):
            seen += f"\n## {path.name}\n" + path.read_text()[-EVIDENCE_CHARS:]
    worker = Worker(
        os.environ["DGM_WORKSPACE"],
        float(os.environ["DGM_DEADLINE"]) - 3,
        model(),
        observation_chars=FILE_CHARS,
    )
    worker.tell(
        Path("texts/improving.txt").read_text() + Path(os.environ["DGM_INSTRUCTION"]).read_text() + seen
    )
    worker.work()


if __name__ == "__main__":
    main()
