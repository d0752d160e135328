"""The report as a page: complete in itself, safe with what people call their things, and readable."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

import kerasfix.output.page as room
from kerasfix.findings import Chain, Link
from kerasfix.output.page.charts import MOST_BARS
from kerasfix.output.page.render import page
from kerasfix.verify.report import (
    Argument,
    InputArray,
    LayerCall,
    ModelReport,
    SensitiveLayer,
    Trace,
    VerdictKind,
)
from tests.browser import Browser, chromium
from tests.conftest import Run
from tests.reports import BROKEN, FLAGS, MENDED, RAISED, model, observation, report

EVIL = "<script>document.title='owned'</script><img src=http://kerasfix.invalid/x onerror=alert(1)>\"'&"
# What a browser may fetch, or run.
_LOADING = {"src", "href", "srcset", "action", "data", "poster", "background", "xlink:href"}
_FORBIDDEN = {"script", "link", "img", "iframe", "object", "embed", "base", "audio", "video", "form"}


class _Page(HTMLParser):
    """The tags, attributes and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def hostile() -> ModelReport:
    """Everything that may come from the user's code is an attack."""
    layer, variable = f"a{EVIL}", f"a{EVIL}/kernel"
    seen = observation(
        {variable: 1.0, "other": None},
        layers={layer: EVIL},
        calls=(LayerCall(layer, (-1,)), LayerCall(layer, (None,))),
        layers_not_reached=(layer,),
        layers_not_called=(f"b{EVIL}",),
        sensitive={layer: SensitiveLayer(EVIL, "user", FLAGS)},
        raised=EVIL,
        errors={"fit": EVIL, "evaluate": f"{EVIL} too"},
        notes=(EVIL,),
    )
    return model(
        seen,
        observation({variable: 2.0}),
        VerdictKind.NOT_PROVED,
        name=EVIL,
        reasons=(EVIL,),
        file=EVIL,
        python=EVIL,
        device=EVIL,
        inputs=(InputArray((1,), EVIL, EVIL),),
        arguments=(Argument(EVIL, EVIL, "guess"),),
        chains=(Chain(EVIL, (Link(EVIL, 1),), EVIL, (Link(EVIL, 2),), EVIL, 2),),
        traces=(Trace(variable, layer, 1, 2),),
    )


@pytest.mark.parametrize("made", [model(), hostile()], ids=["plain", "hostile"])
def test_nothing_is_loaded_and_nothing_runs(made: ModelReport) -> None:
    text = page(report(made))
    seen = _Page(text)
    assert not _FORBIDDEN & set(seen.tags)
    assert all(value.startswith("#") for name, value in seen.attributes if name in _LOADING)
    assert not [name for name, _ in seen.attributes if name.startswith("on")]
    style = "".join(seen.texts[index] for index in range(len(seen.texts)) if "{" in seen.texts[index])
    assert "@import" not in style
    assert "url(" not in style
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in seen.attributes


def test_what_people_wrote_is_shown_as_they_wrote_it() -> None:
    texts = _Page(page(report(hostile()))).texts
    for shown in (EVIL, f"a{EVIL}", f"a{EVIL}/kernel"):
        assert [text for text in texts if shown in text], shown
    assert "owned" not in "".join(texts).replace("document.title='owned'", "")


def test_the_page_tells_all_that_the_issue_asks_for() -> None:
    text = " ".join(" ".join(_Page(page(report())).texts).split())
    for part in (
        "Net proved",
        "net.py:3 · Keras 3.15.1 · tensorflow · CPU · 1.50 s",
        "Run as Net(units=16 by guess) on (4, 28, 28, 1) float32 as in the code",
        "inputs ─┬─ conv1 ─ leaky1 ─✗ x: nothing reads it",
        "└─ conv2 ─ return",
        "2 of 4 variables: conv1/kernel, conv1/bias, lost on line 12 none of 4 variables",
        "conv1 Conv2D no gradient",
        "does not reach the output",
        "conv1/kernel no gradient 3 7 12",
        "score/kernel 20 20",
        "True False False True True",
        "True False False None True",
        "Keras was imported once, in 3.50 s",
        "probe 0.20 s 0.20 s",
    ):
        assert part in text, part


def test_what_is_wrong_comes_first() -> None:
    kinds = [*VerdictKind]
    text = page(report(*(model(verdict=kind, name=f"Net{kind.name}") for kind in kinds)))
    order = sorted(kinds, key=lambda kind: text.index(f"Net{kind.name}"))
    expected = ["worse", "not-proved", "not-reached", "not-verified", "proved", "unchanged"]
    assert [kind.value for kind in order] == expected


def test_a_call_that_is_lost_is_drawn_as_lost_though_its_layer_is_not() -> None:
    twice = observation(
        calls=(
            LayerCall("conv1", (-1,)),
            LayerCall("drop", (0,)),
            LayerCall("score", (1,), is_output=True),
            LayerCall("drop", (2,), is_lost=True),
        )
    )
    text = " ".join(" ".join(_Page(page(report(model(twice)))).texts).split())
    assert "does not reach the output" in text
    assert "drop (1 of 2 calls)" in text


def test_versions_that_look_the_same_are_drawn_once() -> None:
    assert _titles(page(report(model(MENDED, MENDED)))) == ["before and after"]
    assert _titles(page(report(model(BROKEN, MENDED)))) == ["before", "after"]


def _titles(text: str) -> list[str]:
    titles = ("before", "after", "before and after")
    return [value for name, value in _Page(text).attributes if name == "aria-label" and value in titles]


@pytest.mark.parametrize(
    "made",
    [
        model(None, None, VerdictKind.NOT_VERIFIED, reasons=("not verified: no input",)),
        model(RAISED, MENDED),
        model(RAISED, RAISED, VerdictKind.NOT_VERIFIED),
        model(observation({}, calls=(), sensitive={}, losses={"tape": (0.0,)}, seconds={})),
        model(observation(losses={"tape": (1.0,), "fit": (None, None)}), MENDED),
        model(observation({"conv1/kernel": 0.0}), observation({"conv1/kernel": 0.0})),
        model(observation({"conv1/kernel": 1e-300}), observation({"conv1/kernel": 1e300})),
        model(observation({"conv1/kernel": 5e-324}), observation({"conv1/kernel": 1.7e308})),
        model(observation({f"v{number}": 1.0 for number in range(100)}), None),
    ],
)
def test_a_page_is_made_of_whatever_was_seen(made: ModelReport) -> None:
    assert "</html>" in page(report(made))


def test_no_models_is_a_page_too() -> None:
    from kerasfix.verify.report import VerificationReport

    assert "none was run" in page(VerificationReport(()))


def test_a_chart_has_the_worst_of_many_variables() -> None:
    norms: dict[str, float | None] = {f"v{number}": 1.0 for number in range(100)}
    text = page(report(model(observation({**norms, "v99": None}), observation(norms))))
    bars = text[text.index("<svg") : text.index("</svg>")]
    assert f"{MOST_BARS} of 100 variables" in text
    assert ">v99<" in bars
    assert ">v98<" not in bars
    assert ">v98<" in text


def test_a_page_of_the_same_report_is_the_same() -> None:
    # But for the day on which pygal drew it.
    first, second = (page(report()).splitlines() for _ in range(2))
    assert [line for line in first if "Generated with" not in line] == [
        line for line in second if "Generated with" not in line
    ]


def test_a_page_is_small() -> None:
    assert len(page(report())) < 60_000


def test_without_the_extra_it_is_said_before_anything_runs(
    kerasfix: Run, dcgan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "find_spec", lambda name: None)
    done = kerasfix("--verify", "--report", "out.html", "dcgan.py")
    assert done.returncode == 2
    assert "needs jinja2 and pygal: pip install 'kerasfix[report]'" in done.stderr
    assert not (dcgan / "out.html").exists()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with Browser(chromium()) as running:
        yield running


def _opened(browser: Browser, folder: Path, made: ModelReport) -> Browser:
    path = folder / "out.html"
    path.write_text(page(report(made)), "utf-8")
    browser.open(path)
    assert browser.requests == [path.as_uri()]
    assert browser.complaints == []
    return browser


_FILL = "getComputedStyle([...document.querySelectorAll('.layer')].find(e => e.innerText.startsWith({!r})))"


def test_a_browser_shows_the_page_without_a_network(browser: Browser, tmp_path: Path) -> None:
    shown = _opened(browser, tmp_path, model())
    assert shown.value("document.title") == "kerasfix: what the verification saw"
    heights = shown.value("[...document.querySelectorAll('svg')].map(e => e.getBoundingClientRect().height)")
    assert len(heights) == 2
    assert min(heights) > 100
    bars = "[...document.querySelectorAll('#chart-norms-1 rect.rect')].map(e => e.getBoundingClientRect())"
    # Two of four variables have a gradient before, all of them after.
    assert shown.value(f"{bars}.filter(e => e.width > 1 && e.height > 1).length") == 6


def test_a_browser_colours_layers_by_their_gradient(browser: Browser, tmp_path: Path) -> None:
    shown = _opened(browser, tmp_path, model())
    colours = [
        shown.value(_FILL.format(name) + ".backgroundColor") for name in ("conv1", "conv2", "drop", "score")
    ]
    assert len(set(colours)) == 4
    assert shown.value(_FILL.format("leaky1") + ".borderStyle") == "dashed"


def test_light_dark_narrow_and_on_paper(browser: Browser, tmp_path: Path) -> None:
    shown = _opened(browser, tmp_path, model())
    paper = "getComputedStyle(document.body).backgroundColor"
    ink = "getComputedStyle(document.querySelector('#chart-norms-1 .axis text')).fill"
    shown.media("screen", "light")
    light = shown.value(paper), shown.value(ink)
    shown.media("screen", "dark")
    dark = shown.value(paper), shown.value(ink)
    assert light[0] != dark[0]
    assert light[1] != dark[1]
    shown.media("print", "dark")
    assert (shown.value(paper), shown.value(ink)) == light
    shown.media("screen", "light")
    shown.width(360)
    assert shown.value("document.documentElement.scrollWidth") <= 360


def test_a_browser_runs_nothing_of_what_people_wrote(browser: Browser, tmp_path: Path) -> None:
    shown = _opened(browser, tmp_path, hostile())
    assert shown.value("document.title") == "kerasfix: what the verification saw"
    assert shown.value("document.images.length + document.scripts.length") == 0
    assert EVIL in shown.value("document.querySelector('h2').innerText")
