"""Metrics, intervals and protocols."""
