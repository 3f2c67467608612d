"""ImageDecoder: the images inside the onnx package, then the same images damaged in every way that is cheap to try."""
import random

import numpy as np
import onnx
import pytest
from onnx.backend.test.case.node import _image_decoder_data as frozen

import tenon as ort
from tenon.errors import Error

IMAGES = {name: value for name, value in vars(frozen).items() if isinstance(value, frozen.ImageData)}


def session(pixel_format="RGB"):
    node = onnx.helper.make_node("ImageDecoder", ["x"], ["y"], pixel_format=pixel_format)
    graph = onnx.helper.make_graph([node], "g", [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.UINT8, [None])],
                                   [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.UINT8, [None, None, None])])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    return ort.InferenceSession(model.SerializeToString())


@pytest.mark.parametrize("name", IMAGES)
def test_image(name):
    pixel_format = "Grayscale" if "grayscale" in name.lower() else "BGR" if "bgr" in name.lower() else "RGB"
    image = IMAGES[name]
    [got] = session(pixel_format).run(None, {"x": image.data})
    assert np.array_equal(got, image.output)


@pytest.mark.parametrize("name", IMAGES)
def test_damaged(name):
    """An image or a clear error, never anything else."""
    decoder, data, rng = session(), IMAGES[name].data, random.Random(name)
    refused = 0
    for trial in range(120):
        damaged = data[: rng.randrange(len(data))].copy() if trial % 2 else data.copy()
        for _ in range(0 if trial % 2 else rng.randrange(1, 6)):
            damaged[rng.randrange(min(len(data), 200 if trial % 4 else len(data)))] = rng.randrange(256)
        try:
            [got] = decoder.run(None, {"x": damaged})
            assert got.ndim == 3 and got.shape[2] == 3
        except Error as e:
            assert "ImageDecoder" in str(e) and ("encoded_stream: " in str(e) or "image_pixels" in str(e)), str(e)
            refused += 1
    assert refused > 30
