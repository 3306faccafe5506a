"""A checklist as JUnit XML and Markdown for continuous integration, and as an HTML page."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from gputsne.base.pages import NOT_XML, rendered, template_of
from gputsne.judging.checklist import MARKS, OPEN, Checklist, Row

__all__ = ["ROOM", "junit", "markdown", "page", "table"]

ROOM = "gputsne.judging"  # whose templates these are


def junit(checklist: Checklist) -> str:
    """Return a checklist as JUnit XML, one test case per row.

    Parameters
    ----------
    checklist : Checklist
        Any.

    Returns
    -------
    str
        A failed gate is a failure; a required row without evidence or word an error, so that the
        file fails where the verdict does; what is left open otherwise is skipped.
    """
    suite = ET.Element("testsuite", name=_xml(f"gputsne {checklist.profile}"))
    counts = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for row in checklist.rows:
        counts["tests"] += 1
        name = _xml(f"gputsne.{checklist.profile}")
        case = ET.SubElement(suite, "testcase", classname=name, name=_xml(row.id))
        kind, tag = _junit_kind(row)
        if tag:
            counts[kind] += 1
            ET.SubElement(case, tag, message=_xml(_headline(row))).text = _xml(_words(row))
        elif row.status in ("warn", "note", "acknowledged"):
            ET.SubElement(case, "system-out").text = _xml(f"{_headline(row)}\n{_words(row)}")
    if checklist.verdict == "INCOMPLETE" and not counts["errors"]:
        counts["tests"] += 1
        counts["errors"] += 1
        case = ET.SubElement(suite, "testcase", classname="gputsne", name="verdict")
        ET.SubElement(case, "error", message="no row has evidence")
    for name, number in counts.items():
        suite.set(name, str(number))
    ET.indent(suite)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{ET.tostring(suite, encoding='unicode')}\n"


def _junit_kind(row: Row) -> tuple[str, str]:
    if row.status == "fail":
        return "failures", "failure"
    if row.status in OPEN:
        return ("errors", "error") if row.required else ("skipped", "skipped")
    return "", ""


def page(checklist: Checklist) -> str:
    """Return a checklist as an HTML page that loads nothing.

    Parameters
    ----------
    checklist : Checklist
        Any.

    Returns
    -------
    str
        Every text in it escaped.
    """
    title = f"{checklist.profile}: {checklist.verdict}"
    return rendered("verdict.html.j2", [ROOM], title=title, checklist=checklist, marks=MARKS)


def table(checklist: Checklist) -> str:
    """Return the rows as an HTML table, a part of a page or of a notebook.

    Parameters
    ----------
    checklist : Checklist
        Any.

    Returns
    -------
    str
        Every text in it escaped.
    """
    lists = template_of("checklist.html.j2", [ROOM]).module
    return str(lists.table(checklist, checklist.rows, MARKS))


def markdown(checklist: Checklist) -> str:
    """Return a checklist as Markdown, for the page of a CI job or of a merge request.

    Parameters
    ----------
    checklist : Checklist
        Any.

    Returns
    -------
    str
        A heading with the verdict, a table of all rows, and below it what to do about those that
        failed, warn or wait. Texts are escaped: none makes a row, a link or HTML.
    """
    lines = [f"## {_md(f'{checklist.profile}: {checklist.verdict}')}", ""]
    lines += ["| | Check | Value | Wanted | Status |", "|---|---|---:|---|---|"]
    for row in checklist.rows:
        value = "" if row.value is None else f"{row.value:.4g}"
        cells = [MARKS[row.status], _md(row.title), value, _md(row.condition), row.status]
        lines.append(f"| {' | '.join(cells)} |")
    for row in checklist.rows:
        if row.status in ("fail", "warn") or (row.required and row.status in OPEN):
            told = " ".join(_words(row).split())
            lines += ["", f"**{_md(row.title)}** ({row.status}): {_md(told)}"]
    return "\n".join([*lines, ""])


def _md(text: str) -> str:
    """Return text of which Markdown makes nothing."""
    plain = NOT_XML.sub("\ufffd", " ".join(text.split()))
    safe = "".join(f"\\{letter}" if letter in "\\`*_[]|~#" else letter for letter in plain)
    return safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _headline(row: Row) -> str:
    value = "" if row.value is None else f" = {row.value:.4g}"
    held = f", wanted {row.condition}" if row.condition else ""
    return f"{row.title}: {row.status}{': ' + row.metric + value if value else ''}{held}"


def _words(row: Row) -> str:
    told = [row.says, row.cause, row.action]
    if row.missing:
        told.append(f"no evidence: {', '.join(row.missing)}")
    return "\n".join(
        text for text in [*told, f"Source: {row.source}" if row.source else ""] if text
    )


def _xml(text: str) -> str:
    """Return text without what XML can't hold."""
    return NOT_XML.sub("\ufffd", text)
