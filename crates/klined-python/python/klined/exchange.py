"""Order events of an exchange: made from a seed, or read from the logs of a run."""

from ._klined import exchange_events as events
from ._klined import exchange_read as read

__all__ = ["events", "read"]
