import tempfile
import time
import unittest

import solve  # noqa: F401 - it must import
from worker import Worker


class WorkerTest(unittest.TestCase):
    def test_runs_blocks_until_there_is_none(self):
        answers = ["```bash\necho 1 > a\n```", "```bash\ncat a\n```", "Done."]
        with tempfile.TemporaryDirectory() as place:
            worker = Worker(place, time.time() + 60, lambda messages: answers.pop(0) if answers else "Done.")
            worker.tell("Go.")
            worker.work()
        assert "Observation:\n1" in worker.history[4]["content"]


if __name__ == "__main__":
    unittest.main()
