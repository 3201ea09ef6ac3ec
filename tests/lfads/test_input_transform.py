"""How the encoders are given the data."""

import numpy as np
import torch

from nwb_autolfads.lfads.masking import BlockMasking
from nwb_autolfads.lfads.networks.input_transform import FLOOR, InputTransform
from nwb_autolfads.lfads.streams import Streams


def test_logarithm_is_centred_per_channel_and_what_is_hidden_is_marked_and_cannot_be_seen():
    random = torch.Generator().manual_seed(0)
    data = torch.rand(500, 3, generator=random, dtype=torch.float64) * torch.tensor([0.1, 1.0, 5.0])
    data[7, 1] = 0
    transform = InputTransform(2, 3, "logarithmic").double()
    transform.fit(data)
    x = data[:40].view(20, 2, 3)
    masked = BlockMasking(block=5).draw(x, torch.tensor([0.3, 0.6], dtype=torch.float64), Streams.of([0, 1], 0))
    read = transform(masked.input, masked.input_mask)
    values = np.maximum(data.numpy(), FLOOR)
    expected = (np.log(values) - np.log(values).mean(0)) / np.log(values).std(0, ddof=1)
    expected = expected[:40].reshape(20, 2, 3)
    seen = (masked.input_mask > 0).numpy()
    assert read.shape[-1] == InputTransform.width(3, "logarithmic") == 6
    np.testing.assert_allclose(read[..., :3], expected * seen, atol=1e-12)
    np.testing.assert_array_equal(read[..., 3:], seen)


def test_linear_reading_is_the_data_with_its_gain():
    x = torch.rand(2, 5, 3, 4)
    assert torch.equal(InputTransform(2, 4, "linear")(x, torch.ones_like(x)), x)
    assert not list(InputTransform(2, 4, "linear").buffers())
