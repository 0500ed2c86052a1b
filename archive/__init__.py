"""What a search knows: an append-only archive of decisions and results, agents as git commits, blobs."""

from .base import Archive
from .blobs import Blobs
from .delta import export_delta
from .errors import (
    AlreadyRecordedError,
    ArchiveError,
    BadPathError,
    CorruptArchiveError,
    DiskFullError,
    EntryError,
    ForeignDirectoryError,
    FormatVersionError,
    MissingPackageError,
    NotLocalError,
    NotWritableError,
    OpenError,
    RowError,
    RunExistsError,
    RunLockedError,
    TakenOverError,
    UnknownAgentError,
    UnknownBlobError,
    UnknownDecisionError,
    UnknownEvaluationError,
    UnreachableError,
    WriteFailedError,
    WrongSeqError,
)
from .export import export_agent
from .fork import fork_run
from .garbage import Garbage, collect_garbage
from .gitstore import GitStore
from .info import RunInfo
from .lineage import Lineage
from .lock import Holder, holder_of
from .log import FORMAT_VERSION
from .memory import MemoryArchive
from .patches import Patch, bounded_patch
from .query import fold_regrades
from .reader import RunReader, open
from .records import (
    ROW_TYPES,
    Agent,
    AgentId,
    Call,
    Change,
    Decision,
    DecisionKind,
    Entry,
    Evaluation,
    Expansion,
    ExpansionOutcome,
    GateVerdict,
    Json,
    Outcome,
    Row,
    Split,
    TaskId,
    TestResult,
    TestStatus,
    Usage,
    job_id,
)
from .run import SEGMENT_LINES, Run, create_run, resume_run
from .schema import SCHEMAS
from .trees import check_path, tree_hash
from .verify import Verification, verify

__all__ = [
    "FORMAT_VERSION",
    "ROW_TYPES",
    "SCHEMAS",
    "SEGMENT_LINES",
    "Agent",
    "AgentId",
    "AlreadyRecordedError",
    "Archive",
    "ArchiveError",
    "BadPathError",
    "Blobs",
    "Call",
    "Change",
    "CorruptArchiveError",
    "Decision",
    "DecisionKind",
    "DiskFullError",
    "Entry",
    "EntryError",
    "Evaluation",
    "Expansion",
    "ExpansionOutcome",
    "ForeignDirectoryError",
    "FormatVersionError",
    "Garbage",
    "GateVerdict",
    "GitStore",
    "Holder",
    "Json",
    "Lineage",
    "MemoryArchive",
    "MissingPackageError",
    "NotLocalError",
    "NotWritableError",
    "OpenError",
    "Outcome",
    "Patch",
    "Row",
    "RowError",
    "Run",
    "RunExistsError",
    "RunInfo",
    "RunLockedError",
    "RunReader",
    "Split",
    "TakenOverError",
    "TaskId",
    "TestResult",
    "TestStatus",
    "UnknownAgentError",
    "UnknownBlobError",
    "UnknownDecisionError",
    "UnknownEvaluationError",
    "UnreachableError",
    "Usage",
    "Verification",
    "WriteFailedError",
    "WrongSeqError",
    "bounded_patch",
    "check_path",
    "collect_garbage",
    "create_run",
    "export_agent",
    "export_delta",
    "fold_regrades",
    "fork_run",
    "holder_of",
    "job_id",
    "open",
    "resume_run",
    "tree_hash",
    "verify",
]
