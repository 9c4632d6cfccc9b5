"""The catalogue: every wrapper by a short name, those of users included.

What stepwrap has in it is tested by `tests/test_catalogue.py` without another line.
"""

from __future__ import annotations

from ..catalogue import Catalogue
from ..core.optimizer_wrapper import OptimizerWrapper

_catalogue = Catalogue(
    "wrapper",
    OptimizerWrapper,
    reserved=["loss_scale_optimizer"],  # a stage in texts, though no OptimizerWrapper
)

wrapper = _catalogue.built_in
register = _catalogue.register
unregister = _catalogue.unregister
names = _catalogue.names
get = _catalogue.get
knows = _catalogue.knows
name_of = _catalogue.name_of
