"""Wrappers that keep other weights beside those that are trained."""
