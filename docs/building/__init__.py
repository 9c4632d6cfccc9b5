"""The parts of `docs/build_site.py`: what the site says that the code knows already."""
