"""A job's process for the tests of comparisons: it measures nothing, and fails as it is told.

What an engine does is in the environment, GPUTSNE_TEST_ENGINES: "umap=crash,sklearn=hang".
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

path = Path(sys.argv[1])
call = json.loads(path.read_text())
told = dict(part.split("=") for part in os.environ["GPUTSNE_TEST_ENGINES"].split(","))
does = told.get(call.get("peer", ""), "works")
job = call["job"]
facts = {"peak_bytes": 1_000_000}
if job == "probe":
    facts |= {"left_out": "nobody installed it"} if does == "absent" else {"version": "<b>1.0</b>"}
elif job == "quality":
    facts |= {"kept": 0.5, "kl": 2.0} if "P" in call else {"kept": 0.4}
elif job in ("fit", "optimise"):
    print("about to fit", flush=True)
    if does == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if does == "fail":
        sys.exit("no such metric")
    if does == "silent":
        os._exit(0)
    if does == "interrupt":
        os.kill(os.getppid(), signal.SIGINT)
    if does in ("hang", "interrupt"):
        time.sleep(600)
    import numpy as np  # here, since it takes its time

    n = len(np.load(call["X"])) if "X" in call else 5
    np.save(call["Y"], np.random.default_rng(0).normal(size=(n, 2)))
    now = time.monotonic()
    seconds = {"neighbors": 1.0, "optimize": 2.0, "total": 3.0}
    facts |= {
        "seconds": seconds,
        "marks": [["neighbors", now - 9, now], ["later", now + 8, now + 9]],
    }
path.with_suffix(".out").write_text(json.dumps(facts))
