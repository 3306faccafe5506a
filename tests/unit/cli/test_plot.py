"""gputsne plot draws maps of files and of stored runs; labels have the colours of their store."""

from __future__ import annotations

import base64
import json
import re
import xml.etree.ElementTree as ET
import zlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import gputsne
from gputsne.cli import main
from gputsne.viewer import unpack

SHORT = ("--max-iter", "5", "--early-exaggeration-iter", "2", "--perplexity", "3", "--seed", "0")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GPUTSNE_STORE", raising=False)
    rows = "".join(f"p{i},{i / 10},{i * i % 7},k{i % 3}\n" for i in range(60))
    Path("map.csv").write_text(f"id,x,y,kind\n{rows}")
    return tmp_path


def run(*args: str):
    return CliRunner().invoke(main, [*args])


def legend_in(svg: str) -> dict[str, str]:
    """Return the colours of the legend of an svg."""
    tag = "{http://www.w3.org/2000/svg}"
    groups = [g for g in ET.parse(svg).iter(f"{tag}g") if g.get("id") == "gputsne"]
    (legend,) = (
        g
        for g in groups
        if g.find(f".//{tag}use") is not None and g.find(f".//{tag}text") is not None
    )
    colours = [use.get("style", "")[6:13] for use in legend.iter(f"{tag}use")]
    names = [text.text or "" for text in legend.iter(f"{tag}text")]
    return dict(zip(names[-len(colours) :], colours, strict=True))


def test_a_map_of_a_file_is_drawn(here):
    result = run(
        "plot", "map.csv", "-o", "m.png", "-o", "m.svg", "--labels", "kind", "--id", "id",
        "--style", "print", "--theme", "dark", "--title", "Kinds", "--density", "contours",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "written: m.png, m.svg" in result.output
    with Image.open("m.png") as image:
        assert image.text["Description"].startswith("Kinds. Map of 60 points, coloured by")
        assert image.convert("RGB").getpixel((0, 0)) == (13, 17, 23)


def test_what_is_highlighted_is_named_by_id(here):
    result = run("plot", "map.csv", "-o", "m.png", "--id", "id", "--highlight", "p3,p7")
    assert result.exit_code == 0, result.output
    with Image.open("m.png") as image:
        assert "highlighted (2 points" in image.text["Description"]
    unknown = run("plot", "map.csv", "-o", "m.png", "--id", "id", "--highlight", "q")
    assert unknown.exit_code
    assert "no point has as its id" in unknown.output


def test_arrays_are_maps_too(here):
    np.save("Y.npy", np.random.default_rng(0).normal(size=(50, 2)))
    np.save("labels.npy", np.arange(50) % 4)
    result = run("plot", "Y.npy", "-o", "m.pdf", "--labels", "labels.npy")
    assert result.exit_code == 0, result.output
    assert Path("m.pdf").read_bytes().startswith(b"%PDF")


def test_colours_of_a_file(here):
    Path("colours.json").write_text(json.dumps({"k0": "#123456", "k1": "teal"}))
    result = run("plot", "map.csv", "-o", "m.svg", "--labels", "kind", "--colours", "colours.json")
    assert result.exit_code == 0, result.output
    found = legend_in("m.svg")
    assert (found["k0"], found["k1"]) == ("#123456", "#008080")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "-o"),
        (("-o", "m.gif"), "plots are"),
        (("-o", "m.png", "--colours", "none.json"), "--colours"),
        (("-o", "m.png", "--labels", "kind", "--colours", "no.json"), "none.json|no.json"),
        (("-o", "m.html", "--style", "print"), "has no effect on html"),
    ],
)
def test_what_cannot_be_drawn_is_usage(here, args, said):
    result = run("plot", "map.csv", *args)
    assert result.exit_code == 2
    assert any(part in result.output for part in said.split("|"))


def test_a_label_has_one_colour_in_the_pictures_of_all_runs_of_a_store(here):
    """K24: two runs with other sets of labels, and their thumbnails, models and pictures."""
    rng = np.random.default_rng(0)
    ids = []
    for day, kinds in (("monday", ["dog", "cat", "cow"]), ("tuesday", ["zebra", "cow", "ant"])):
        lines = [f"{a},{b},{kinds[i % 3]}" for i, (a, b) in enumerate(rng.normal(size=(30, 2)))]
        Path(f"{day}.csv").write_text("\n".join(["a,b,kind", *lines]))
        result = run(
            "embed", f"{day}.csv", "-o", f"{day}-map.csv", *SHORT, "--labels", "kind", "--store",
            "nightly", "--plot", f"{day}.svg", "--json",
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        ids.append(json.loads(result.output)["stored"])
    store = gputsne.Store("nightly")
    held = store.colours()
    assert held.keys() == {"dog", "cat", "cow", "zebra", "ant"}
    assert len(set(held.values())) == 5
    monday, tuesday = legend_in("monday.svg"), legend_in("tuesday.svg")
    assert monday["cow"] == tuesday["cow"] == held["cow"]
    assert (monday | tuesday).items() == held.items()
    for id, kinds in zip(ids, (monday, tuesday), strict=True):
        assert store.get(id).load_model().palette_.items() >= kinds.items()
        assert store.get(id).read("thumb.png").startswith(b"\x89PNG")
    store.promote(ids[1])
    result = run("plot", "production", "--store", "nightly", "-o", "again.svg")
    assert result.exit_code == 0, result.output
    assert legend_in("again.svg") == tuesday
    assert "seed 0" in Path("again.svg").read_text()  # the caption of the run


def ids_in(page: str):
    """Return the ids that a page has, sorted."""
    data = re.search(r'id="gputsne-data">(.*?)</script>', Path(page).read_text())[1]
    return sorted(map(str, unpack(zlib.decompress(base64.b64decode(data)))[1]["id"]))


def test_pages_of_a_file_a_fit_and_a_stored_run_have_the_ids_that_were_named(here):
    want = sorted(f"p{i}" for i in range(60))
    made = (
        ("plot", "map.csv", "-o", "file.html", "--id", "id"),
        ("embed", "map.csv", "-o", "m.csv", *SHORT, "--id", "id", "--labels", "kind", "--plot",
         "fit.html", "--store", "nightly", "--json"),
    )  # fmt: skip
    for args in made:
        result = run(*args)
        assert result.exit_code == 0, result.output
    stored = json.loads(result.output)["stored"]
    result = run("plot", stored, "--store", "nightly", "-o", "run.html")
    assert result.exit_code == 0, result.output
    assert [ids_in(f"{name}.html") for name in ("file", "fit", "run")] == [want] * 3


def test_colours_that_a_user_chose_are_fixed_in_the_store(here):
    Path("colours.csv").write_text("label,colour\nk0,#111111\n")
    args = ("plot", "map.csv", "-o", "m.svg", "--labels", "kind", "--store", "nightly")
    assert run(*args, "--colours", "colours.csv").exit_code == 0
    assert gputsne.Store("nightly").colours()["k0"] == "#111111"
    assert run(*args).exit_code == 0
    assert legend_in("m.svg")["k0"] == "#111111"
    Path("colours.csv").write_text("k0,#222222\n")
    result = run(*args, "--colours", "colours.csv")
    assert result.exit_code == 2
    assert "it has #111111 in this store" in result.output


def test_a_store_that_cannot_be_written_costs_no_picture(here, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gputsne.Store, "add_colours", full)
    result = run("plot", "map.csv", "-o", "m.png", "--labels", "kind", "--store", "s")
    assert result.exit_code == 0, result.output
    assert "kept no colours of labels" in result.output
    assert Path("m.png").exists()
