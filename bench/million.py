"""A million points: time and memory of the whole fit.

MNIST's 50 principal components, copied, shifted and jittered to a million distinct rows
(gputsne.datasets.enlarge). KL is the one the fit reports: Z by mesh, since all pairs are 10^12.
"""

from __future__ import annotations

from common import FIT, data, finish, jobs, log, options, target


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, help="points [1,000,000]")
    asked = parser.parse_args()
    n = asked.n or (2000 if asked.quick else 1_000_000)
    call = FIT
    if asked.quick:
        call = call | {"perplexity": 10.0, "max_iter": 20, "early_exaggeration_iter": 10}
    X, _, name = data(asked)
    log(f"{name}, grown to {n:,}; {asked.threads} threads")
    with jobs(asked) as run:
        facts = run("million", X=X, n=n, Y=run.folder / "Y.npy", **call)
    facts = {"data": name, "n": n, "d": X.shape[1], **call, **facts}
    facts["targets"] = {
        "minutes": target(facts["seconds"]["total"] / 60, 6.0, most=True),
        "gigabytes": target(facts["peak_bytes"] / 1e9, 6.0, most=True),
    }
    finish("million", asked, facts)


if __name__ == "__main__":
    main()
