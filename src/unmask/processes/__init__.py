"""Worker processes: how many, how they are started, and that they end with the process that started them.

It re-exports nothing: a scan counts cores and does without the rest, which takes time to import.
"""
