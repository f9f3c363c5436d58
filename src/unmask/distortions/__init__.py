"""Distortions of pictures: one catalogue of operations, with three choices of which and how much.

`levels`: fixed levels, on which detectors are compared. `strong`: random ones for training. `faces`: random ones that
the quality gates are fitted on.
"""
