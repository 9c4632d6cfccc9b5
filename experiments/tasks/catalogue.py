"""The catalogue of tasks by name.

A task is entered as a function of the data folder, so that nothing is loaded before it is needed;
the first line of its docstring is what a list of tasks says of it.
"""

from __future__ import annotations

from ...catalogue import Catalogue

_catalogue = Catalogue("task")

task = _catalogue.built_in
names = _catalogue.names
get = _catalogue.get
