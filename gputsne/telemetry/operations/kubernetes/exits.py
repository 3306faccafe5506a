"""Exit codes of the command: which of them a Job tries again, and why."""

from __future__ import annotations

from typing import Any, Final

from gputsne.provenance.outcome import (
    BAD_INPUT,
    DEADLINE,
    FAILED,
    INTERRUPTED,
    OVER_MEMORY,
    USAGE,
)

__all__ = ["DECISIONS", "pod_failure_policy"]

AGAIN, NEVER = "Count", "FailJob"
HANGUP, KILLED, TERMINATED = 129, 137, 143  # 128 and the signal
# Of each exit code but 0: whether the Job tries again, and why.
DECISIONS: Final[dict[int, tuple[str, str]]] = {
    FAILED: (AGAIN, "storage, network or a fault: another try may find them well"),
    USAGE: (NEVER, "the command line, a package or the GPU is missing: it will be so again"),
    BAD_INPUT: (NEVER, "the table, the model or the checkpoint: a person looks at it"),
    OVER_MEMORY: (NEVER, "more than rows and features were planned for, or over budget"),
    DEADLINE: (NEVER, "the time that was set is over; the map so far is in the store"),
    HANGUP: (AGAIN, "ended from outside; the checkpoint goes on"),
    INTERRUPTED: (AGAIN, "ended from outside; the checkpoint goes on"),
    KILLED: (AGAIN, "killed, perhaps for its memory; the checkpoint goes on"),
    TERMINATED: (AGAIN, "ended by SIGTERM, as after deadline and grace; the checkpoint goes on"),
}


def pod_failure_policy(container: str) -> dict[str, Any]:
    """Return the policy of a Job, first rule that fits: a drained node is no try of the Job's.

    Parameters
    ----------
    container : str
        Whose exit code counts.

    Returns
    -------
    dict
    """

    def rule(action: str) -> dict[str, Any]:
        codes = sorted(code for code, (does, _) in DECISIONS.items() if does == action)
        told = {"containerName": container, "operator": "In", "values": codes}
        return {"action": action, "onExitCodes": told}

    disrupted = {
        "action": "Ignore",
        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
    }
    return {"rules": [disrupted, rule(NEVER), rule(AGAIN)]}
