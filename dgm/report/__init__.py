"""What people see of a run. `dgm.report.progress` is imported by itself: it needs rich, which pages do without."""

from dgm.report.answers import QUESTIONS, answer_data, answer_text, asked
from dgm.report.details import diff_data, row_data, show_data
from dgm.report.finals import Finalist, Finals, best_data, best_text, finals
from dgm.report.grades import regrade_text
from dgm.report.safe import safe_line, safe_text
from dgm.report.standings import Standing, standings, tree_data, tree_text
from dgm.report.tasks import TaskLine, task_lines, tasks_data, tasks_text
from dgm.report.views import RunView, view_of
from dgm.report.why import Option, Why, why, why_data, why_text

__all__ = [
    "QUESTIONS",
    "Finalist",
    "Finals",
    "Option",
    "RunView",
    "Standing",
    "TaskLine",
    "Why",
    "answer_data",
    "answer_text",
    "asked",
    "best_data",
    "best_text",
    "diff_data",
    "finals",
    "regrade_text",
    "row_data",
    "safe_line",
    "safe_text",
    "show_data",
    "standings",
    "task_lines",
    "tasks_data",
    "tasks_text",
    "tree_data",
    "tree_text",
    "view_of",
    "why",
    "why_data",
    "why_text",
]
