"""Small maps on demand as a function of AWS Lambda: a template of AWS SAM, and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Self

from gputsne.base.sizes import size_text
from gputsne.planning.memory import plan
from gputsne.telemetry.operations.entries import FILE, check_known, refuse

__all__ = ["SERVERLESS_TEMPLATE", "Serverless", "template_of"]

ROWS, COLUMNS, AXES = 5000, 4096, 50  # that gputsne.serve.embed_once takes, and keeps by PCA
MARGIN: Final = 10  # seconds from a map's own deadline to the function's, for the answer
PARAMETER: Final = "/gputsne/tokens"  # of the Systems Manager: lines ROLE SHA256
# Of whole numbers: the least and the most, AWS Lambda's own but for memory.
WHOLE: Final = {
    "memory_mb": (128, 10_240), "timeout_seconds": (MARGIN + 10, 900), "concurrency": (1, 1000),
    "calls": (1, 1_000_000), "log_days": (1, 3653),
}  # fmt: skip
KEPT_DAYS: Final = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827,
                    2192, 2557, 2922, 3288, 3653)  # fmt: skip

SERVERLESS_TEMPLATE: Final = """
[serverless]          # small maps on demand by AWS Lambda; docs/schedulers.md explains it
memory_mb = 2048      # a processor comes with every 1769
timeout_seconds = 60
concurrency = 5       # instances at once: the most that the function can cost
calls = 10            # per hour, token and instance
log_days = 30
"""


@dataclass(frozen=True)
class Serverless:
    """What is a site's own of the function.

    Attributes
    ----------
    memory_mb, timeout_seconds, concurrency : int
        Of an instance, of a call, and how many instances at once.
    calls : int
        Per hour, token and instance.
    log_days : int
        For which its log is kept.

    Raises
    ------
    BadInput
        A value makes no sense, or the largest table does not fit in the memory.
    """

    memory_mb: int = 2048
    timeout_seconds: int = 60
    concurrency: int = 5
    calls: int = 10
    log_days: int = 30

    def __post_init__(self) -> None:
        for name, (least, most) in WHOLE.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                refuse(f"serverless.{name}", value, f"a whole number from {least} to {most:,}")
        if self.log_days not in KEPT_DAYS:
            refuse("serverless.log_days", self.log_days,
                   f"one of CloudWatch's, {', '.join(map(str, KEPT_DAYS))}")  # fmt: skip
        needed = plan(ROWS, COLUMNS, pca=AXES, device="cpu").host_bytes
        if self.memory_mb * 2**20 < needed:
            wanted = f"at least {-(-needed // 2**20)}: the largest table takes {size_text(needed)}"
            refuse("serverless.memory_mb", self.memory_mb, wanted)

    @classmethod
    def read(cls, told: Any, path: str = FILE) -> Self:
        """Read the table; BadInput for what is none, and for entries that are none."""
        if not isinstance(told, Mapping):
            refuse("serverless", told, "a [table]")
        check_known(told, [f.name for f in fields(cls)], f"{path}: [serverless]")
        return cls(**told)


def template_of(serverless: Serverless, tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the content of ``serverless/template.yaml``, for ``sam deploy``.

    Parameters
    ----------
    serverless : Serverless
        Settings.
    tags : mapping of str to str
        What the bill is sorted by.

    Returns
    -------
    dict
    """
    variables = {
        "GPUTSNE_TOKENS": f"{{{{resolve:ssm:{PARAMETER}}}}}",
        "GPUTSNE_CALLS": str(serverless.calls),
        "GPUTSNE_SECONDS": str(serverless.timeout_seconds - MARGIN),
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Description": "Small t-SNE maps on demand, for callers with a token",
        "Parameters": {
            "Image": {
                "Type": "String",
                "Description": "Image of docker/lambda.Dockerfile in ECR, by its digest",
                "AllowedPattern": "[a-z0-9./-]+@sha256:[0-9a-f]{64}",
            },
        },
        "Resources": {
            "Log": {
                "Type": "AWS::Logs::LogGroup",
                "DeletionPolicy": "Delete",
                "UpdateReplacePolicy": "Delete",
                "Properties": {"RetentionInDays": serverless.log_days},
            },
            "Maps": {
                "Type": "AWS::Serverless::Function",
                "Properties": {
                    "PackageType": "Image",
                    "ImageUri": {"Ref": "Image"},
                    "Architectures": ["x86_64"],
                    "MemorySize": serverless.memory_mb,
                    "Timeout": serverless.timeout_seconds,
                    "ReservedConcurrentExecutions": serverless.concurrency,
                    "Environment": {"Variables": variables},
                    # Callers are known by their token; the function refuses to start without any.
                    "FunctionUrlConfig": {"AuthType": "NONE"},
                    "LoggingConfig": {"LogGroup": {"Ref": "Log"}},
                    "Tags": dict(tags),
                },
            },
        },
        "Outputs": {"Address": {"Value": {"Fn::GetAtt": ["MapsUrl", "FunctionUrl"]}}},
    }
