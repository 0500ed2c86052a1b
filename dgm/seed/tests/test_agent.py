"""The agent's own tests: no model, no network, a fraction of a second."""

import json
import tempfile
import time
import unittest
from pathlib import Path

import improve
import loop
import solve
from tests.scripted import ScriptedModel, calls, says
from tools import Toolbox


class AgentTest(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = Path(place.name)
        self.later = time.time() + 60

    def call(self, name, **arguments):
        return Toolbox(str(self.place)).run(calls(name, json.dumps(arguments))["tool_calls"][0])

    def test_solve_does_what_the_model_calls_for_and_stops(self):
        model = ScriptedModel(
            calls("write_file", '{"path": "a.py", "content": "x = 1"}'),
            calls("edit_file", '{"path": "a.py", "old": "1", "new": "2"}'),
            calls("shell", '{"command": "cat a.py"}'),
            says("Done."),
        )
        solve.solve(model, "Set x to 2.", str(self.place), self.later)
        self.assertEqual((self.place / "a.py").read_text(), "x = 2")
        self.assertIn("Set x to 2.", model.shown[0][1]["content"])
        self.assertIn("x = 2", model.shown[3][-1]["content"])

    def test_a_conversation_ends_at_the_deadline(self):
        model = ScriptedModel()
        loop.converse(model, [says("")], Toolbox(str(self.place)), time.time() - 1)
        self.assertEqual(model.shown, [])

    def test_a_call_that_cannot_be_read_is_an_error_message(self):
        message = calls("shell", "{")["tool_calls"][0]
        self.assertTrue(Toolbox(str(self.place)).run(message).startswith("error"))

    def test_an_edit_needs_its_old_text(self):
        self.call("write_file", path="b.txt", content="one two")
        self.assertTrue(self.call("edit_file", path="b.txt", old="three", new="").startswith("error"))
        self.assertEqual((self.place / "b.txt").read_text(), "one two")

    def test_improve_edits_the_copy_it_is_given(self):
        (self.place / "own.py").write_text("LIMIT = 1\n")
        model = ScriptedModel(calls("edit_file", '{"path": "own.py", "old": "1", "new": "2"}'), *[says("Done.")] * 9)
        improve.improve(model, "Do better.", "It failed.", str(self.place), self.later)
        self.assertEqual((self.place / "own.py").read_text(), "LIMIT = 2\n")
        for text in ("Do better.", "It failed.", "LIMIT = 1"):
            self.assertIn(text, model.shown[0][1]["content"])

    def test_evidence_shows_how_a_rollout_ended(self):
        rollout = self.place / "rollouts" / "1"
        rollout.mkdir(parents=True)
        (rollout / "transcript.json").write_text(json.dumps([says("I stop here.")]))
        (rollout / "visible_tests.txt").write_text("FAILED")
        (rollout / "outcome.txt").write_text("unresolved")
        shown = improve.evidence(str(self.place))
        self.assertIn("unresolved", shown)
        self.assertIn("I stop here.", shown)
        self.assertIn("FAILED", shown)


if __name__ == "__main__":
    unittest.main()
