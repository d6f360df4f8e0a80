"""How fast the explorer's page is with many pairs, in a headless Chromium, from a folder and from its server.

    python benchmarks/explorer.py [--pairs 10000] [--distinct 400] [--runs 5] [--chromium /usr/bin/chromium]

Scenes of the generated world with their true graphs, five sentences an image; so many distinct images are repeated with changed names and
ids until there are enough pairs. Printed: the time from opening the page until the browser first
paints something of it, until list, image, sentence and graph of the first pair are there; and from a key in the search field until the
filtered list is on the screen, the median and the slowest of some searches. Images are left out, because their decoding is the browser's.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from analyze_size import SENTENCES, shards, write

SEARCHES = ("d", "do", "dog", "red dog", "red dog -table", "-dog", "kitchen", "scenes-0-train-0001", "a", "nothing at all")
#: from the event until the frame after the one that holds the new list
_FILTER = """async (text) => {
  const field = document.querySelector(".hx-search"), began = performance.now();
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return [performance.now() - began, Number(document.querySelector(".hx-count").dataset.milliseconds)];
}"""


def measure(browser: Any, address: str, runs: int) -> dict[str, float]:
    """Milliseconds, the median over *runs*."""
    paints, readies, filters, computed = [], [], [], []
    for _ in range(runs):
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        began = time.perf_counter()
        page.goto(address)
        page.wait_for_selector("[data-ready]")
        readies.append((time.perf_counter() - began) * 1000)
        paints.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
        for text in SEARCHES:
            whole, own = page.evaluate(_FILTER, text)
            filters.append(whole)
            computed.append(own)
        page.close()
    return {
        "first paint": statistics.median(paints),
        "first pair is there": statistics.median(readies),
        "filter, on the screen": statistics.median(filters), "slowest": max(filters), "of it computing": statistics.median(computed),
    }  # fmt: skip


def main() -> None:
    from playwright.sync_api import sync_playwright

    import hetero_xmodal as hx
    from hetero_xmodal.explorer.api import contents
    from hetero_xmodal.explorer.server import ExplorerServer

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--distinct", type=int, default=400)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        place = Path(folder) / "corpus"
        write(place, arguments.pairs, list(shards(min(arguments.distinct, -(-arguments.pairs // SENTENCES)))))
        began = time.perf_counter()
        page = hx.explore(place, Path(folder) / "page")
        size = sum(path.stat().st_size for path in page.parent.rglob("*") if path.is_file()) / 1e6
        print(f"{arguments.pairs:,} pairs: the folder is written in {time.perf_counter() - began:.1f} s and has {size:.1f} MB")
        browser = driver.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
        server = ExplorerServer(contents(place))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for where, address in (("folder", page.as_uri()), ("server", server.address)):
            found = measure(browser, address, arguments.runs)
            print(f"{where}: " + ", ".join(f"{what} {value:.0f} ms" for what, value in found.items()))
        server.shutdown()
        browser.close()


if __name__ == "__main__":
    main()
