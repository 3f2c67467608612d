#!/usr/bin/env python3
"""Runs the digits classifier on its held-out images: accuracy, a few digits drawn as characters, images per second.

    classify.py [--model digits.onnx] [--images heldout.npz]

The model was trained by train.py in this folder; it has never seen these images.
"""
import argparse
import os
import pathlib
import sys
import time

import numpy as np

import tenon

HERE = pathlib.Path(__file__).resolve().parent
COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def styled(text, colour):
    """`text` in a colour, if stdout is a terminal that wants colours."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"


def can_print(text):
    try:
        text.encode(sys.stdout.encoding or "ascii")
        return True
    except UnicodeEncodeError:
        return False


def progress(items, label, width=40):
    """Yields from a list while a bar shows how far it is; draws only on a terminal and erases itself."""
    full, empty = "█░" if can_print("█░") else "#."
    live, shown = sys.stdout.isatty(), 0.0
    for i, item in enumerate(items):
        yield item
        now = time.monotonic()
        if live and (now - shown > 0.05 or i + 1 == len(items)):
            shown, done = now, (i + 1) * width // len(items)
            print(f"\r  {label} {full * done}{empty * (width - done)} {i + 1}/{len(items)}", end="", flush=True)
    if live:
        print("\r\x1b[K", end="", flush=True)


def to_input(images):
    """[n, 8, 8] uint8 pixels 0..16 -> the model's [n, 1, 8, 8] float 0..1."""
    return images[:, None].astype(np.float32) / np.float32(16)


def classify(session, images, batch=5):
    """Probabilities [n, 10] for [n, 8, 8] uint8 images, in batches; the last one may be smaller."""
    name = session.get_inputs()[0].name
    starts = list(range(0, len(images), batch))
    return np.concatenate([session.run(None, {name: to_input(images[i : i + batch])})[0] for i in progress(starts, "classifying")])


def throughput(session, images, batch, seconds=0.4):
    """Images per second at one batch size: the best of several slices, so that a busy machine disturbs less."""
    name = session.get_inputs()[0].name
    x = to_input(np.resize(images, (batch, 8, 8)))
    session.run(None, {name: x})
    rates = []
    for _ in progress(range(8), f"timing batch {batch}"):
        runs, start = 0, time.perf_counter()
        while (now := time.perf_counter()) - start < seconds / 8:
            session.run(None, {name: x})
            runs += 1
        rates.append(runs * batch / (now - start))
    return max(rates)


def picture(image):
    """Eight lines of sixteen characters; darker means more ink."""
    shades = " ░▒▓█" if can_print(" ░▒▓█") else " .+x@"
    return ["".join(shades[min(4, (int(p) + 3) // 4)] * 2 for p in row) for row in image]


def draw(images, labels, probabilities):
    """Images side by side, each over its true label, the predicted one and its probability."""
    for lines in zip(*map(picture, images)):
        print("  " + "   ".join(lines))
    captions = []
    for label, p in zip(labels, probabilities):
        guess = int(p.argmax())
        text = f"{guess}  ({p[guess]:.1%})" if guess == label else f"{guess} ({p[guess]:.0%}), is {label}"
        captions.append(styled(f"{text:^16s}", "green" if guess == label else "red"))
    print("  " + "   ".join(captions))


def show(model=HERE / "digits.onnx", images=HERE / "heldout.npz"):
    """Prints the whole screen and returns the accuracy on the held-out images."""
    with np.load(images) as data:
        pixels, labels = data["images"], data["labels"].astype(np.int64)
    session = tenon.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    meta = session.get_modelmeta().custom_metadata_map
    print(f"  {pathlib.Path(model).name}: {os.path.getsize(model) / 1000:.0f} kB, trained on {meta['dataset']}, {len(labels)} held-out images\n")
    p = classify(session, pixels)
    right = p.argmax(1) == labels
    # Three clear ones, then the one that it gets most wrong (or, if none is wrong, the least certain).
    chosen = [int(np.flatnonzero(labels == d)[0]) for d in (3, 8, 5)]
    doubt = np.where(right, 0, 1) + 1 - p[np.arange(len(labels)), labels]
    chosen.append(int(doubt.argmax()))
    draw(pixels[chosen], labels[chosen], p[chosen])
    accuracy = float(right.mean())
    print(f"\n  accuracy          {styled(f'{accuracy:.2%}', 'bold')}  ({int(right.sum())} of {len(labels)})")
    for batch in (1, 64):
        print(f"  images per second {styled(f'{throughput(session, pixels, batch):,.0f}', 'bold')}  (batch {batch})")
    return accuracy


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, default=HERE / "digits.onnx", help="default: digits.onnx beside this script")
    parser.add_argument("--images", type=pathlib.Path, default=HERE / "heldout.npz", help="default: heldout.npz beside this script")
    a = parser.parse_args()
    if show(a.model, a.images) < 0.98:
        sys.exit("accuracy is below 98 %: this model or this build is wrong")


if __name__ == "__main__":
    main()
