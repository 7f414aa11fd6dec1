"""What a model is made of: counts that fit the arrays, limits in one sentence, JSON and back."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.engine.layers import ACTIVATIONS
from nodeviz.models.depth import DepthClassifier
from nodeviz.models.spec import KINDS, READOUTS, RESIDUALS, ModelSpec

SPECS = st.builds(
    ModelSpec,
    kind=st.sampled_from(KINDS),
    classes=st.integers(2, 4),
    hidden=st.integers(1, 9),
    layers=st.integers(1, 3),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    augment=st.integers(1, 5),
    readout=st.sampled_from(READOUTS),
    blocks=st.integers(1, 5),
    residual=st.sampled_from(RESIDUALS),
    shared=st.booleans(),
    timed=st.booleans(),
    t1=st.floats(0.1, 10.0),
)


@given(SPECS)
def test_a_spec_counts_what_its_model_has(spec: ModelSpec) -> None:
    model = DepthClassifier(spec)
    assert model.parameters.size == spec.n_parameters == sum(net.n_parameters for net in (*model.nets, model.readout))
    # Each parameter is one of one network's: the views cover the vector without overlap.
    for number, net in enumerate((*model.nets, model.readout), start=1):
        net.parameters += number
    assert model.parameters.min() >= 1
    assert model.parameters.max() <= spec.n_nets + 1


@given(SPECS)
def test_a_spec_is_the_same_after_json(spec: ModelSpec) -> None:
    assert ModelSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_a_field_that_a_file_lacks_has_its_default() -> None:
    assert ModelSpec.from_json({"kind": "anode"}) == ModelSpec(kind="anode")


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("hidden", 0, "hidden=0: below the limit 1; use 1 or more"),
        ("hidden", 10**7, "hidden=10000000: above the limit 1000000; use 1000000 or less"),
        ("hidden", 2.5, "hidden=2.5: not a whole number; use 1 or more"),
        ("classes", 1, "classes=1: below the limit 2; use 2 or more"),
        ("augment", True, "augment=True: not a whole number; use 1 or more"),
        ("kind", "cnn", "kind='cnn': no such choice; choose one of resnet, node, anode"),
        ("activation", ["relu"], "activation=['relu']: no such choice"),
        ("shared", 1, "shared=1: neither true nor false"),
        ("t1", 0.0, "t1=0.0: depth must end above 0"),
        ("t1", float("nan"), "t1=nan: depth must end above 0"),
        ("t1", 10**400, "depth must end above 0 and at 1e+06 or before"),
        ("t1", "1", "t1='1': depth must end above 0"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(field: str, value: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)) as error:
        ModelSpec(**{field: value})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("data", [None, [], "node", {"kind": "node", "depth": 3}, {"layers": None}])
def test_what_is_no_spec_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match=r"mapping|no field|whole number"):
        ModelSpec.from_json(data)


def test_ticks_and_scale_of_blocks() -> None:
    spec = ModelSpec(kind="resnet", blocks=4, t1=2.0)
    np.testing.assert_allclose(spec.ticks, [0.0, 0.5, 1.0, 1.5, 2.0])
    assert spec.residual_scale == 0.5
    assert ModelSpec(kind="resnet", blocks=4, residual="1").residual_scale == 1.0
