"""Compare: install the tools, do the experiments, write the page."""

from __future__ import annotations

import tempfile
import traceback
from pathlib import Path

import click

from benchmarks.comparison.cell import Cell
from benchmarks.comparison.features import FEATURES, Feature
from benchmarks.comparison.page import SIGNS, key, write_page
from benchmarks.comparison.peers import PEERS, REPOSITORY, Peer, install
from benchmarks.comparison.trial import Missing, Trial, has_none
from kerasfix import __version__


def find_out(peer: Peer, feature: Feature) -> Cell:
    """One cell."""
    if feature.experiment is None:
        return feature.known.get(peer.name, Cell("unknown", "not checked: nothing of it can be run"))
    with tempfile.TemporaryDirectory() as folder:
        try:
            cell = feature.experiment(Trial(peer, Path(folder).resolve()))
        except Missing:
            return has_none(peer, feature.title, feature.words)
        except Exception as error:  # An experiment that fails is a cell that was not checked.
            traceback.print_exc()
            return Cell("unknown", f"not checked: the experiment failed with {type(error).__name__}")
        note = cell.note
        for place in (str(Path(folder).resolve()), str(peer.bin.parent)):
            note = note.replace(place, "…").replace(place.lstrip("/"), "…")
        return Cell(cell.mark, note)


@click.command(help=__doc__)
@click.option(
    "--only", "names", multiple=True, metavar="TOOL", help="Only these tools; prints, writes no page."
)
@click.option(
    "--rows", default="", metavar="TEXT", help="Only rows whose name has this; prints, writes no page."
)
@click.option("--page", type=click.Path(path_type=Path), default=REPOSITORY / "docs" / "comparison.md")
def main(names: tuple[str, ...], rows: str, page: Path) -> None:
    peers = [peer for peer in PEERS if not names or peer.name in names]
    features = [feature for feature in FEATURES if rows.lower() in key(feature).lower()]
    results: dict[tuple[str, str], Cell] = {}
    for peer in peers:
        install(peer)
        for feature in features:
            cell = results[key(feature), peer.name] = find_out(peer, feature)
            print(f"{peer.name:15} {SIGNS[cell.mark]:4} {key(feature)}  {cell.note}", flush=True)
    if not names and not rows:
        page.write_text(write_page(peers, features, results, __version__), "utf-8")


if __name__ == "__main__":
    main()
