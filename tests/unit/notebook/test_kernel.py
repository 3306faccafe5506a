"""The widget and the live map in a real kernel: messages there and back, and its interrupt."""

from __future__ import annotations

import re

WIDGET = "application/vnd.jupyter.widget-view+json"
MADE = """
import numpy as np
import gputsne
Y = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
widget = gputsne.view(Y, np.arange(300) % 3, ids=[f"id{i}" for i in range(300)])
seen = []
widget.observe(lambda change: seen.append(change["new"].tolist()), "selection")
widget
"""


def opened(cell):
    """Return the id of the comm of the map's widget among those that a cell opened."""
    states = {c["comm_id"]: c["data"]["state"] for c in cell.comms if c["kind"] == "comm_open"}
    (found,) = [comm for comm, state in states.items() if "_tileset" in state]
    return found, states[found]


def updates(cell, comm, name):
    """Return the values of a trait that the kernel sent after the comm was opened."""
    of_it = [c["data"] for c in cell.comms if c["comm_id"] == comm and c["kind"] == "comm_msg"]
    told = [data["state"] for data in of_it if data["method"] == "update"]
    return [state[name] for state in told if name in state]


def test_a_selection_from_the_front_end_arrives_in_python_and_back(kernel):
    cell = kernel.run(MADE)
    assert cell.error is None
    assert WIDGET in cell.shown[-1]
    assert "300 points" in cell.shown[-1]["text/plain"]
    comm, state = opened(cell)
    assert "export default" in state["_esm"]
    heard = kernel.send(comm, {"_selected": ["id7", "id3", "id7000"]})
    assert heard.error is None
    told = kernel.run("print(seen, widget.selection.tolist(), widget.rows.tolist())")
    assert told.streams["stdout"].strip() == "[['id3', 'id7']] ['id3', 'id7'] [3, 7]"
    back = kernel.run("widget.selection = ['id5']; widget.colour = None")
    assert updates(back, comm, "_selected") == [["id5"]]
    assert updates(back, comm, "_column") == [None]


def test_models_records_and_figures_show_themselves(kernel):
    X = "gputsne.datasets.load_digits().X[:150]"
    fitted = f"m = gputsne.TSNE(random_state=0, max_iter=300).fit({X})"
    for code, kind in (
        (f"{fitted}\nm", "text/html"), ("m.run_", "text/html"), ("m.fitted_map_", "text/html"),
        ("gputsne.plot(m)", "image/png"),
        ("gputsne.plot(m, renderer='plotly')", "application/vnd.plotly.v1+json"),
    ):  # fmt: skip
        cell = kernel.run(code)
        assert cell.error is None
        assert kind in cell.shown[-1]
        html = cell.shown[-1].get("text/html", "")
        assert not re.search(r"(src|href)=.?http|url\(.?http|@import", html)  # nothing is fetched


FIT = """
live = gputsne.notebook.Live(points=100)
X = gputsne.datasets.load_digits().X[:{n}]
model = gputsne.TSNE(random_state=0, max_iter={iterations}, callbacks=live, callbacks_every=5)
model.fit(X)
print(model.n_iter_, len(live.widget._places))
"""


def test_a_live_map_is_shown_and_moves(kernel):
    cell = kernel.run(FIT.format(n=400, iterations=600))
    assert cell.error is None
    assert WIDGET in cell.shown[0]
    comm, state = opened(cell)
    assert state["_tileset"]["rows"] == 100
    told = updates(cell, comm, "_fit")
    assert told[-1]["text"].startswith("done: iteration 600 of 600, KL ")
    assert told[-1]["curve"][-1][0] == 600
    assert cell.streams["stdout"] == "600 400\n"  # 100 points of two axes, two bytes each
    bytes_sent = sum(sum(c["sizes"]) for c in cell.comms if c["kind"] == "comm_msg")
    assert bytes_sent <= 400 * len(told)


def test_an_interrupt_ends_the_fit_and_the_picture_says_where(kernel):
    code = FIT.format(n=1500, iterations=100_000)
    cell = kernel.run(code, on_display=kernel.manager.interrupt_kernel)
    assert "FitInterrupted" in cell.error
    comm, _ = opened(cell)
    assert updates(cell, comm, "_fit")[-1]["text"].startswith("interrupted: iteration ")
    told = kernel.run("print(0 < model.n_iter_ < 100_000, model.run_.status)")
    assert told.streams["stdout"] == "True interrupted\n"


def test_without_anywidget_one_sentence_says_what_to_install(kernel):
    cell = kernel.run(
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'anywidget' else find(name, *more)\n"
        "gputsne.view(Y)"
    )
    assert "pip install 'gputsne[notebook]', or '.[notebook]' in a clone" in cell.error
    assert "anywidget: pip install" in kernel.run("gputsne.notebook.MapWidget").error
