"""What a user asked for and cannot have; the command line tells it in one line. Kept apart from what raises it, so that
reading a run imports neither Hydra nor the search.

UserError
├── ConfigError    a configuration that cannot be run: what was expected, what came, what to do
└── LookUpError    what was asked for is not in this run, or fits more than one thing in it
"""

from __future__ import annotations


class UserError(ValueError):
    """Something that the user can mend."""


class ConfigError(UserError):
    """A configuration that cannot be run."""


class LookUpError(UserError):
    """What was asked for is not in this run, or a prefix fits more than one."""
