"""Experiments on real data: needs `pip install "stepwrap[experiments]"`."""
