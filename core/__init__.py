"""The contract of a wrapper, and how one step is done."""
