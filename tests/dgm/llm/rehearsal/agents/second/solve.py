import os
from pathlib import Path

from worker import Worker, model

TASK_CHARS = 650


def main():
    task = Path(os.environ["DGM_INSTRUCTION"]).read_text()
    if len(task) > TASK_CHARS:
        task = task[:TASK_CHARS] + "\n[task truncated]"
    worker = Worker(os.environ["DGM_WORKSPACE"], float(os.environ["DGM_DEADLINE"]) - 3, model())
    worker.tell(Path("texts/solving.txt").read_text() + "\n" + task)
    worker.work()


if __name__ == "__main__":
    main()
