"""Draw docs/images/explorer.png: the explorer on a corpus of the generated world, with the weights of the shipped CAM.

python docs/draw_explorer.py            (needs a Chromium that is installed, and pip install "hetero_xmodal[explore]" playwright)
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

import hetero_xmodal as hx

IMAGE = Path(__file__).resolve().parent / "images" / "explorer.png"
STATE = "q=robot&pair=scenes-0-train-000015%230&node=word:1"
WEIGHTS = f"{STATE}&weights=on&step=11&theme=dark"


def main() -> None:
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        corpus = hx.build_corpus("world/scenes", Path(folder) / "corpus", scenes="true", limit=20, sentences_per_image=2, progress=False)
        page = hx.explore(corpus, Path(folder) / "page", recipe="cam", model="scenes", weights=32)
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        parts = []
        for state in (STATE, WEIGHTS):
            opened = browser.new_page(viewport={"width": 1280, "height": 760}, color_scheme="light")
            opened.goto(f"{page.as_uri()}#{state}")
            opened.wait_for_selector("[data-ready]")
            if "weights" in state:
                expect(opened.locator(".hx-told")).to_contain_text("step", timeout=20_000)
            opened.wait_for_timeout(300)
            parts.append(Path(folder) / f"{len(parts)}.png")
            opened.screenshot(path=parts[-1])
        browser.close()
        images = [Image.open(part).convert("RGB") for part in parts]
        sheet = Image.new("RGB", (images[0].width, sum(image.height for image in images) + 12), "white")
        for k, image in enumerate(images):
            sheet.paste(image, (0, k * (image.height + 12)))
        IMAGE.parent.mkdir(exist_ok=True)
        sheet.save(IMAGE, optimize=True)
    print(IMAGE)


if __name__ == "__main__":
    main()
