from dgm.llm.backends.base import Backend as Backend
from dgm.llm.backends.base import Place as Place
from dgm.llm.backends.openai import OpenAIBackend as OpenAIBackend
from dgm.llm.backends.replay import Recorded as Recorded
from dgm.llm.backends.replay import ReplayBackend as ReplayBackend
from dgm.llm.backends.whole import RehearsalBackend as RehearsalBackend
from dgm.llm.backends.whole import ScriptedBackend as ScriptedBackend
