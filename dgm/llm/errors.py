"""Errors of the gateway.

GatewayError
├── GatewayConfigError          the run cannot start like this
│   ├── MissingKeyError         no key in the named environment variable
│   ├── UnknownPriceError       money is capped and a model has no price
│   └── UnknownRoleError        no model is configured for a role
├── RolloutError                opened twice, or closed without being open
├── JournalError                the journal is damaged, in use or cannot be written
├── RequestRefusedError         the agent's request breaks the rules of the door; it gets a 4xx
├── AllowanceSpentError         the rollout has used what it was given; the agent gets a 403
└── UpstreamError
    ├── RequestRejectedError    a 4xx that the request earned; passed on to the agent
    └── UpstreamFailedError     the provider failed, which is never evidence about an agent
        ├── RateLimitedError            429; carries `retry_after_s`
        ├── UpstreamUnavailableError    no connection, or 5xx
        ├── UpstreamTimedOutError       asked and not answered in time
        ├── MalformedAnswerError        answered with something that is no answer
        ├── StreamCutError              a stream that ended before its end
        ├── UpstreamDeniedError         key, quota or model refused; asking again is no use
        └── NotRecordedError            a replay was asked for a call that was never recorded
"""

from __future__ import annotations

from dgm.llm.values import Spent


class GatewayError(Exception):
    """Base of everything that the gateway raises."""


class GatewayConfigError(GatewayError):
    """The run cannot start like this; the message says which key to set."""


class MissingKeyError(GatewayConfigError):
    def __init__(self, variable: str, base_url: str) -> None:
        super().__init__(
            f"no key for {base_url}: the environment variable {variable} is not set; set it, name another "
            f"one in llm.key_env, or use llm=rehearsal, which needs none"
        )
        self.variable = variable


class UnknownPriceError(GatewayConfigError):
    def __init__(self, model: str) -> None:
        example = f"llm.price={{{model}: {{input: 1.0, output: 4.0}}}}"
        super().__init__(
            f"money is capped and the price of model {model!r} is unknown; set llm.price.{model}.input and "
            f"llm.price.{model}.output (dollars per million tokens), as in '{example}', or set no cap on money"
        )
        self.model = model


class UnknownRoleError(GatewayConfigError):
    def __init__(self, role: str, known: tuple[str, ...]) -> None:
        super().__init__(
            f"no model for role {role!r}; set llm.models.{role} (known: {', '.join(known) or 'none'})"
        )
        self.role = role


class RolloutError(GatewayError):
    """A rollout was opened twice, or closed without being open."""


class JournalError(GatewayError):
    """The journal of a decision is damaged, in use or cannot be written."""


class RequestRefusedError(GatewayError):
    """The agent's request breaks the rules of the door. Becomes an answer in the provider's shape."""

    def __init__(self, message: str, *, code: str, param: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.status = status


class AllowanceSpentError(GatewayError):
    def __init__(self, spent: Spent) -> None:
        super().__init__(f"the allowance of this rollout is spent: {spent.value}")
        self.spent = spent


class UpstreamError(GatewayError):
    """What the provider said or failed to say."""


class RequestRejectedError(UpstreamError):
    """The provider turned the request down for what is in it; `body` is its answer, in its own shape.

    `charged`: it was answered all the same, and paid for.
    """

    def __init__(self, status: int, body: dict[str, object], *, charged: bool = False) -> None:
        super().__init__(f"the provider rejected the request with status {status}")
        self.status = status
        self.body = body
        self.charged = charged


class UpstreamFailedError(UpstreamError):
    """The provider failed. `retryable`: worth asking again. `charged`: it may have been paid for all the
    same.
    """

    retryable = True
    charged = False


class RateLimitedError(UpstreamFailedError):
    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UpstreamUnavailableError(UpstreamFailedError):
    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UpstreamTimedOutError(UpstreamFailedError):
    charged = True


class MalformedAnswerError(UpstreamFailedError):
    charged = True


class StreamCutError(UpstreamFailedError):
    charged = True


class UpstreamDeniedError(UpstreamFailedError):
    retryable = False


class NotRecordedError(UpstreamFailedError):
    retryable = False
