"""The names of rules and verdicts: a closed list, because they are labels of metrics and part of the API."""

from enum import StrEnum


class Rule(StrEnum):
    """The rule a verdict rests on. The last three are not in a policy; they say why no rule could be applied."""

    SERVER_NAME_LENGTH = "server_name_length"
    NAMED_SERVERS = "named_servers"
    LAUNCHES = "launches"
    REQUIRE_ENFORCEMENT = "require_enforcement"
    SHARING = "sharing"
    IDLE_TIMEOUT = "idle_timeout"
    IDLE_WARNING = "idle_warning"
    NOT_RUNNING = "not_running"
    STALE_DATA = "stale_data"


class Verdict(StrEnum):
    """What was decided; the first two answer an admission, the others an idle check."""

    ALLOW = "allow"
    REFUSE = "refuse"
    KEEP = "keep"
    WARN = "warn"
    STOP = "stop"


DEFAULT_SERVER = ""
"""The hub's name of the server every user has; it is not counted."""
