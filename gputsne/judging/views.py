"""A checklist as JUnit XML for continuous integration, and as an HTML page for people."""

from __future__ import annotations

import re
from html import escape
from xml.etree import ElementTree as ET

from gputsne.judging.checklist import MARKS, Checklist, Row

__all__ = ["junit", "page", "table"]

# Characters that XML 1.0 can't hold, not even escaped (section 2.2).
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.4 system-ui, sans-serif; }}
body {{ max-width: 62rem; margin: 0 auto; padding: 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; vertical-align: top; padding: .4rem .6rem .4rem 0;
  border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent);
  overflow-wrap: anywhere; }}
.fail {{ color: light-dark(#b00020, #ff8a80); }} .warn {{ color: light-dark(#8a5a00, #ffcc80); }}
.pass, .acknowledged {{ color: light-dark(#00682f, #8ce0a8); }}
small {{ display: block; opacity: .8; }}
@media (max-width: 40rem) {{ tr {{ display: grid; padding: .4rem 0; }} thead {{ display: none; }}
  td {{ border: 0; padding: .1rem 0; }} }}
</style></head><body><h1 class="{kind}">{title}</h1>
{table}
</body></html>
"""


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
    if row.status in ("n/a", "needs review"):
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
    """
    title = escape(f"{checklist.profile}: {checklist.verdict}")
    kind = {"PASS": "pass", "FAIL": "fail"}.get(checklist.verdict, "warn")
    return PAGE.format(title=title, kind=kind, table=table(checklist))


def table(checklist: Checklist) -> str:
    """Return the rows as an HTML table.

    Parameters
    ----------
    checklist : Checklist
        Any.

    Returns
    -------
    str
        Every text in it escaped.
    """
    body = []
    for row in checklist.rows:
        value = "" if row.value is None else f"{row.value:.4g}"
        more = "".join(f"<small>{escape(text)}</small>" for text in _words(row).splitlines())
        kind = row.status.replace("/", "").replace(" ", "-")
        body.append(
            f'<tr><td>{escape(row.title)}</td><td class="{kind}">{MARKS[row.status]} '
            f"{escape(row.status)}</td><td>{value}</td><td>{escape(row.condition)}</td>"
            f"<td>{more}</td></tr>"
        )
    heads = "".join(f"<th>{h}</th>" for h in ("Check", "Status", "Value", "Condition", ""))
    return (
        f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(body)}</tbody>"
        f"<tfoot><tr><td>{escape(checklist.profile)}</td><td>{checklist.verdict}</td></tr></tfoot>"
        "</table>"
    )


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
