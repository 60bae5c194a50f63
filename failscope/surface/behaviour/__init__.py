"""What an output does, as named figures: it refuses, is cut off, ignores a format, repeats, switches language, leaks."""

from failscope.surface.behaviour.measure import PROBES, behaviours
from failscope.surface.behaviour.probe import Probe, as_probe

__all__ = ["PROBES", "Probe", "as_probe", "behaviours"]
