"""Studies: a grid of training runs from one file, judged against a control with intervals.

`unmask.studies.running.run_study` trains what is missing and writes the table, its figures and a plot.
"""

from unmask.studies.study import Study, StudyError, load_study

__all__ = ["Study", "StudyError", "load_study"]
