"""Experiments: generator functions that compute what the panels draw. No Qt."""
