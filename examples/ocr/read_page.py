#!/usr/bin/env python3
# no-run: the demo runs it, in an environment of its own
"""An application that knows nothing of Tenon reads a page: rapidocr, from PyPI, with the models that its package carries.

    read_page.py [--out DIR]

Draws a page, reads it on Tenon under the name onnxruntime, and prints the recognised lines with boxes, scores and times.
Needs rapidocr, opencv-python-headless, pillow and tenon; scripts/bootstrap_applications.sh installs the first three.
"""
import argparse
import difflib
import logging
import pathlib
import sys
import time

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import tenon

tenon.install_as_onnxruntime()
import onnxruntime  # noqa: E402  is Tenon from here on
from rapidocr import RapidOCR  # noqa: E402

LINES = ["Tenon reads this page.", "Invoice No. 2026-1130", "Three models work on it:", "detection, direction, recognition.",
         "Total: 1,284.50 EUR", "The quick brown fox jumps", "over 13 lazy dogs."]


def draw_page(path):
    """A page of LINES, a little noisy, so that the models have something to do."""
    page = Image.new("RGB", (720, 470), "white")
    pen = ImageDraw.Draw(page)
    font = ImageFont.load_default(size=34)
    for i, line in enumerate(LINES):
        pen.text((40, 30 + 58 * i), line, fill=(20, 20, 60), font=font)
    pen.rectangle((20, 15, 700, 455), outline=(160, 160, 160), width=2)
    noise = np.random.default_rng(0).normal(0, 6, (470, 720, 3))
    page = Image.fromarray(np.clip(np.asarray(page) + noise, 0, 255).astype(np.uint8))
    page.save(path)
    return np.asarray(page)[:, :, ::-1]  # rapidocr takes arrays in OpenCV's order of channels


def similarity(read):
    """Share of the drawn text that was read, spaces aside: exporters of such models differ in where they put them."""
    squeeze = "".join
    return difflib.SequenceMatcher(None, squeeze("".join(LINES).split()), squeeze("".join(read).split()), autojunk=False).ratio()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/demo"))
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    logging.disable(logging.WARNING)
    page = draw_page(out / "page.png")
    start = time.perf_counter()
    engine = RapidOCR()
    loaded = time.perf_counter() - start
    engine(page)
    start = time.perf_counter()
    result = engine(page)
    seconds = time.perf_counter() - start
    print(f"  rapidocr on onnxruntime {onnxruntime.__version__} = Tenon {tenon.__version__}: start {loaded:.2f} s, a page {seconds:.2f} s\n")
    for box, text, score in zip(result.boxes, result.txts, result.scores):
        (x0, y0), (x1, y1) = np.min(box, axis=0), np.max(box, axis=0)
        print(f"  {x0:4.0f},{y0:<4.0f}-{x1:4.0f},{y1:<4.0f} {score:.3f}  {text}")
    right = similarity(result.txts)
    print(f"\n  {right:.1%} of the drawn characters; the page: {out / 'page.png'}")
    return right < 0.97


if __name__ == "__main__":
    sys.exit(main())
