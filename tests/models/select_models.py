#!/usr/bin/env python3
"""Copies a compact selection of an exporter zoo into this folder and writes index.json.

    select_models.py ZOO_DIR

A greedy set cover over the operators of the zoo's models in GROUPS, rare operators and small files first, then the models of EXTRA, which
add what operators alone do not show: other exporters, opsets, decoders with caches, files that must be refused.
Zoo layout: NAME.onnx, NAME.npz (`I.in.INPUT`, `I.out.OUTPUT`) and zoo.json, whose rows say operators, tolerance and origin.
"""
import collections
import json
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
GROUPS = ("blocks", "fam_trained", "fam_vision", "fam_hf")
EXTRA = (
    "bert_eager_old11", "bert_seqcls_old17", "bert_gelutanh_new24", "decoder_cache_gpt2_new18", "decoder_cache_llama_nomask_new20", "decoder_llama_new25",
    "t5_decoder_new21", "detection_faster_rcnn_old17", "nms_new18", "cnn_shufflenet_new18",
    "digits_net_rnn_new_op20", "bert_new26", "sentence_encoder_new20",
)  # fmt: skip
# Already in the repository for the demo: listed in the index, not copied.
ELSEWHERE = {"transformer_block_new": "examples/transformer_block"}
KEPT = ("name", "source", "exporter", "opset", "ops", "tolerance", "expect_error", "expected_from")


def size(zoo, row):
    return sum(p.stat().st_size for p in zoo.glob(row["name"] + ".*"))


def cover(zoo, rows):
    """Models that together hold every operator of `rows`: the next is the one with most rare operators for its size."""
    usable = [r for r in rows if not r.get("expect_error")]
    frequency = collections.Counter(o for r in usable for o in r["ops"])
    left, chosen = set(frequency), []

    def gain(row):
        return sum(1 / frequency[o] for o in left & set(row["ops"])) / (size(zoo, row) + 100_000)

    while left:
        chosen.append(max(usable, key=gain))
        left -= set(chosen[-1]["ops"])
    return chosen


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    zoo = pathlib.Path(sys.argv[1])
    rows = [r for r in json.loads((zoo / "zoo.json").read_text()) if r.get("module") in GROUPS and not r.get("skip")]
    wanted = {r["name"] for r in cover(zoo, rows)} | set(EXTRA) | set(ELSEWHERE)
    for old in (p for p in HERE.iterdir() if p.suffix in (".onnx", ".npz", ".data")):
        old.unlink()
    index = []
    for row in sorted((r for r in rows if r["name"] in wanted), key=lambda r: r["name"]):
        entry = {k: row[k] for k in KEPT if row.get(k) is not None}
        entry["ops"] = sorted(row["ops"])
        entry["folder"] = ELSEWHERE.get(row["name"], "tests/models")
        index.append(entry)
        if row["name"] not in ELSEWHERE:
            for path in zoo.glob(row["name"] + ".*"):
                shutil.copyfile(path, HERE / path.name)
    (HERE / "index.json").write_text("[\n" + ",\n".join(json.dumps(e) for e in index) + "\n]\n")
    total = sum(p.stat().st_size for p in HERE.iterdir())
    print(f"{len(index)} models, {total / 1e6:.1f} MB, {len({o for r in rows for o in r['ops']})} operators")
    missing = {o for r in rows for o in r["ops"]} - {o for e in index for o in e["ops"]}
    if missing:
        sys.exit(f"not covered: {sorted(missing)}")


if __name__ == "__main__":
    main()
