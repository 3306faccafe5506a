"""Reports: one HTML page, and its JSON, of a verdict and all that it comes from.

subject.py reads what is reported on, sections.py measures it, figures.py draws it, page.py joins
them; how it looks is in ``templates``.
"""

from gputsne.reporting.page import Report, report

__all__ = ["Report", "report"]
