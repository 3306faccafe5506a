"""The same seed gives the same bytes: sha256 of the map by threads, and in a second process.

Every fit runs in a process of its own, so that nothing but data, parameters and seed is shared.
"""

from __future__ import annotations

from common import FIT, data, finish, jobs, log, options


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    asked = parser.parse_args()
    call = FIT
    if asked.quick:
        call = call | {"max_iter": 20, "early_exaggeration_iter": 10}
    X, _, name = data(asked)
    log(name)
    runs = []
    with jobs(asked) as run:
        for threads in (1, asked.threads, asked.threads):
            run.threads = threads
            done = run("gputsne_fit", X=X, **call)
            runs.append(
                {"threads": threads, "seconds": done["seconds"]["total"], "sha256": done["sha256"]}
            )
    equal = len({done["sha256"] for done in runs}) == 1
    finish("determinism", asked, {"data": name, "n": len(X), **call, "runs": runs, "equal": equal})
    if not equal:
        raise SystemExit("the maps differ")


if __name__ == "__main__":
    main()
