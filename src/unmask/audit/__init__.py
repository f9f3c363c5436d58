"""Audits a labelled set: copies, leaks between splits, facts that predict the label, and what drives a detector on it.

The set's faces are not searched for; a detector, where one is given, is cut open before its last layer.
"""

from unmask.audit.auditing import Options, audit
from unmask.audit.copies import Copy, CopyCounts, find_copies, hashes, near_pairs
from unmask.audit.drivers import FactCorrelation, InfluentialCrop
from unmask.audit.latents import Latents, OpenedDetector
from unmask.audit.leaks import Leak, find_leaks
from unmask.audit.pages import save, to_markdown, to_tables
from unmask.audit.report import AuditReport, CopyPair, Drivers, Finding, Summary
from unmask.audit.shortcuts import FactAUC, facts_by_auc

__all__ = [
    "AuditReport",
    "Copy",
    "CopyCounts",
    "CopyPair",
    "Drivers",
    "FactAUC",
    "FactCorrelation",
    "Finding",
    "InfluentialCrop",
    "Latents",
    "Leak",
    "OpenedDetector",
    "Options",
    "Summary",
    "audit",
    "facts_by_auc",
    "find_copies",
    "find_leaks",
    "hashes",
    "near_pairs",
    "save",
    "to_markdown",
    "to_tables",
]
