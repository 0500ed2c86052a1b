from dgm.llm.apis.dialect import CHAT as CHAT
from dgm.llm.apis.dialect import DIALECTS as DIALECTS
from dgm.llm.apis.dialect import RESPONSES as RESPONSES
from dgm.llm.apis.dialect import Dialect as Dialect
from dgm.llm.apis.dialect import asked as asked
from dgm.llm.apis.dialect import spoken as spoken
from dgm.llm.apis.events import EventSplitter as EventSplitter
