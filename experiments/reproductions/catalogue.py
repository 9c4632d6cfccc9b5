"""The catalogue of reproductions by name.

A reproduction is a function that is given a `Laboratory`; the first line of its docstring is what
a list of them says of it.
"""

from __future__ import annotations

from ...catalogue import Catalogue

_catalogue = Catalogue("reproduction")

reproduction = _catalogue.built_in
names = _catalogue.names
get = _catalogue.get
