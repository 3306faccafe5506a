"""New rows on a fitted map: time of placing 100,000, and whether fitted rows come back.

The new rows are MNIST shifted and jittered (gputsne.datasets.enlarge), none of them fitted. The
time includes preparing them, building the index of the fitted rows and searching it.
"""

from __future__ import annotations

from common import FIT, data, finish, jobs, log, options, target

import gputsne


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("-m", type=int, help="new rows [100,000]")
    asked = parser.parse_args()
    m = asked.m or (1200 if asked.quick else 100_000)
    call = FIT
    if asked.quick:
        call = call | {"perplexity": 10.0, "max_iter": 150, "early_exaggeration_iter": 75}
    X, _, name = data(asked)
    new = gputsne.datasets.enlarge(X, n=len(X) + m, random_state=1).X[len(X) :]
    log(f"{name}, {m:,} new rows; {asked.threads} threads")
    with jobs(asked) as run:
        facts = run("transform", X=X, new=new, **call)
    facts = {"data": name, "n": len(X), "new_rows": m, "d": X.shape[1], **call, **facts}
    facts["targets"] = {
        "seconds": target(facts["seconds"]["total"], 20.0, most=True),
        "median_move_share_of_diameter": target(
            facts["training_rows_moved"]["median"], 0.01, most=True
        ),
    }
    finish("transform", asked, facts)


if __name__ == "__main__":
    main()
