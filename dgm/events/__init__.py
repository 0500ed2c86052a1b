"""A run as lines for machines: one JSON object per event, for a pipe, a log file, a tracker of experiments."""

from dgm.events.driver_log import DriverLog
from dgm.events.events import VERSION, Events, Sink
from dgm.events.figures import Published, figures

__all__ = ["VERSION", "DriverLog", "Events", "Published", "Sink", "figures"]
