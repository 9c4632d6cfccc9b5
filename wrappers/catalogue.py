"""The catalogue: every wrapper by a short name, those of users included.

What stepwrap has in it is tested by `tests/test_catalogue.py` without another line.
"""

from __future__ import annotations

import functools

from ..catalogue import Catalogue, SavedClasses, check_name_in_texts
from ..core.optimizer_wrapper import OptimizerWrapper

_catalogue = Catalogue(
    "wrapper",
    check_name=functools.partial(
        check_name_in_texts,
        reserved=["loss_scale_optimizer"],  # a stage in texts, though no OptimizerWrapper
    ),
)
_classes = SavedClasses(_catalogue, OptimizerWrapper)

wrapper = _classes.built_in
register = _classes.register
example = _classes.example
unregister = _catalogue.unregister
names = _catalogue.names
get = _catalogue.get
knows = _catalogue.knows
name_of = _catalogue.name_of
