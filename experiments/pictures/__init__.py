"""Lines with a band over the seeds, named where they end, in one panel or in several.

panel = Panel(curves, "epoch", "training loss")
draw(grouped(panel), "Handwritten digits, mean and range over 3 seeds", path)
"""

from .drawing import draw, figure_of
from .lines import Center, geometric_mean
from .panels import Curve, Panel, Published, grouped

__all__ = [
    "Center",
    "Curve",
    "Panel",
    "Published",
    "draw",
    "figure_of",
    "geometric_mean",
    "grouped",
]
