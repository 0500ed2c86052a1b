"""What every backend must do, as test classes to inherit, and a stand-in for the gateway.

@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]: ...

class TestMyLevel(IsolationContract): ...        # SandboxContract for a level that promises no isolation
"""

from sandbox.testing.boxes import a_spec as a_spec
from sandbox.testing.boxes import gone as gone
from sandbox.testing.boxes import processes_named as processes_named
from sandbox.testing.boxes import python as python
from sandbox.testing.contract import SandboxContract as SandboxContract
from sandbox.testing.doors import gateway as gateway
from sandbox.testing.doors import gateway_in as gateway_in
from sandbox.testing.isolation import IsolationContract as IsolationContract
