"""What tests of the doctor ask of its findings."""

from __future__ import annotations

from gputsne.telemetry.doctor import OK, Finding

SECRET = "XQ77"  # in each address with a password


def only(findings) -> Finding:
    """Return the one finding there is."""
    (found,) = [findings] if isinstance(findings, Finding) else findings
    return found


def by_name(findings) -> dict[str, Finding]:
    """Return findings by the names of their checks."""
    return {found.name: found for found in findings}


def is_sound(found: Finding) -> bool:
    """Tell whether a finding is one line, with a remedy where something is to be done."""
    one_line = "\n" not in found.found + found.remedy
    return one_line and bool(found.found) and (found.state == OK) != bool(found.remedy)
