"""``gputsne demo``: the first map, of scikit-learn's handwritten digits, in seconds.

Writes demo.html and demo.png and prints KL, stage times and neighbour preservation.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gputsne.cli.options import DEVICES, FOLDER, Command, option, options, print_options
from gputsne.cli.output import output_of, summary
from gputsne.cli.plots import Style
from gputsne.cli.targets import check_plots, check_targets
from gputsne.data import Data
from gputsne.provenance.facts import describe
from gputsne.provenance.outcome import shown
from gputsne.runs.reading import Points

K = 10  # neighbours compared before and after


@click.command(cls=Command, examples="Example:\n  gputsne demo --out /tmp\n")
@options(
    "Options",
    option(
        "--out",
        type=FOLDER,
        default=Path(),
        metavar="DIR",
        help="Folder for demo.html and demo.png; made if missing. [here]",
    ),
    option("--device", type=click.Choice(DEVICES), help="Where to run. [auto]"),
)
@print_options
@click.pass_context
def demo(ctx: click.Context, /, out: Path, device: str | None, **given: Any) -> None:
    """Map 1,797 handwritten digits and draw the map.

    Writes DIR/demo.html (open it in a browser: hover, zoom) and DIR/demo.png, and prints the KL
    divergence, the time of each stage and how many neighbours the map preserves.
    """
    shell = output_of(ctx, given)
    pictures = [out / "demo.html", out / "demo.png"]
    check_plots(pictures)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.UsageError(shown(f"--out {out}: {error.strerror}")) from error
    check_targets(pictures, [])

    import gputsne

    data = gputsne.datasets.load_digits()
    settings: dict[str, Any] = {} if device is None else {"device": device}
    model = gputsne.TSNE(random_state=0, verbose=int(shell.progress), **settings).fit(data.X)
    kept = gputsne.metrics.knn_preservation(data.X, model.embedding_, k=K)
    style = Style("Handwritten digits", {}, ())
    points = Points(Data(data.X, labels=data.labels))
    for path in pictures:
        style.draw(path, model, points)
    facts = describe(model) | {
        "neighbour_preservation": {"k": K, "share": kept},
        "pictures": pictures,
    }
    text = (
        f"written       {', '.join(map(shown, pictures))}\n{summary(facts)}\n"
        f"neighbours    {kept:.3f} of each point's {K} nearest stay among its {K} nearest"
    )
    shell.result(text, facts)
