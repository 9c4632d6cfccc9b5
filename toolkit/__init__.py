"""The parts that wrappers are made of: slots, blocks, clipping, paths, random numbers, tallies."""
