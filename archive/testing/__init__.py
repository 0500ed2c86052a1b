"""For tests: builders of valid rows, and the contract that every archive inherits.

class TestMemoryArchive(ArchiveContract):
    @pytest.fixture
    def archive(self) -> Archive:
        return MemoryArchive()
"""

from archive.testing.contract import ArchiveContract as ArchiveContract
from archive.testing.rows import NOON as NOON
from archive.testing.rows import a_call as a_call
from archive.testing.rows import a_change as a_change
from archive.testing.rows import a_decision as a_decision
from archive.testing.rows import a_regrade as a_regrade
from archive.testing.rows import a_search as a_search
from archive.testing.rows import agent_id as agent_id
from archive.testing.rows import an_agent as an_agent
from archive.testing.rows import an_evaluation as an_evaluation
from archive.testing.rows import an_expansion as an_expansion
from archive.testing.rows import id_at as id_at
