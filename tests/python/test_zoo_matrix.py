"""A few models in every way that a session can run; `make test-slow` runs all of tests/models (zoo_matrix.py)."""
import functools

import pytest
import zoo_matrix

NAMES = ("bert_gelutanh_new24", "cnn_shufflenet_new18", "decoder_cache_gpt2_new18", "digits_net_rnn_new_op20", "nms_new18", "roi_align_old11")
ROWS = {r["name"]: r for r in zoo_matrix.rows_of(zoo_matrix.ROOT / "tests" / "models")}


@functools.cache
def cpu_bits(name, level):
    return zoo_matrix.check(ROWS[name], "cpu", level)[0]


@pytest.mark.parametrize("config", zoo_matrix.CONFIGS[1:])
@pytest.mark.parametrize("level", zoo_matrix.LEVELS)
@pytest.mark.parametrize("name", NAMES)
def test_model_is_right_in_every_way(name, level, config):
    bits = cpu_bits(name, level)
    zoo_matrix.check(ROWS[name], config, level, bits if config in zoo_matrix.SAME_BITS else None)


def test_devices_get_nodes():
    placed = sum(zoo_matrix.check(ROWS[name], "devices", 99)[1] for name in NAMES[:2])
    assert placed > 10
