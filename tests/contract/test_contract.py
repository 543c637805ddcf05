"""What is measured of a file, and that no file, however made, does more than be refused."""

import pytest
import torch

from kdtutor import contract, models, quantize
from kdtutor.contract.artifact import MOST_BYTES, MOST_VALUES
from kdtutor.quantize import encode_artifact

SMALL = dict(models.mlp(256, 4, 36, seed=0).state_dict())
FILE = encode_artifact(SMALL)
PICTURES = (torch.rand(70, 1, 16, 16), torch.zeros(70, dtype=torch.int64))


def test_text_and_bytes_are_one_another():
    assert contract.from_text(contract.as_text(FILE)) == FILE
    assert contract.from_text("  " + contract.as_text(FILE).replace("\n", " \r\n\t")) == FILE
    with pytest.raises(ValueError, match="no base64"):
        contract.from_text("artifact.kdqa")


def test_the_network_in_a_file_is_the_one_that_was_put_in():
    net = models.mlp(256, 4, 36, seed=0).eval()
    with torch.no_grad():
        assert torch.equal(contract.network_in(FILE)(PICTURES[0]), net(PICTURES[0]))


def test_a_clean_process_reads_answers_and_times():
    assert contract.measured(FILE, "bytes").bytes == len(FILE)
    with torch.no_grad():
        said = contract.network_in(FILE)(PICTURES[0]).argmax(1).tolist()
    assert contract.apart("answers", FILE, encode_artifact({"x": PICTURES[0]})) == said
    cnn = encode_artifact(dict(models.cnn(24, seed=0).state_dict()))
    share = contract.apart("latency", cnn, FILE, encode_artifact({"x": PICTURES[0]}))
    assert 0 < share < 1  # a perceptron with four hidden units against 24 channels


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (FILE[:-1], "truncated"),
        (FILE[:60] + bytes([FILE[60] ^ 1]) + FILE[61:], "damaged"),
        (b"\x80\x04cposix\nsystem\n", "no artifact"),
        (b"", "no artifact"),
        (bytes(MOST_BYTES + 1), "not looked at"),
        (encode_artifact({"1.weight": torch.zeros(MOST_VALUES + 1)}), "more than"),
        (encode_artifact({str(i): torch.zeros(MOST_VALUES // 4) for i in range(9)}), "together"),
        (encode_artifact(dict(models.mlp(256, 4, 10, seed=0).state_dict())), "(2, 36)"),
        (encode_artifact(dict(models.mlp(99, 4, 36, seed=0).state_dict())), "do not fit"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_words_by_the_clean_process(file, words):
    with pytest.raises(ValueError, match=r".") as refusal:
        contract.measured(file, "bytes")
    assert words in str(refusal.value)


def test_a_process_that_says_nothing_gives_no_verdict():
    with pytest.raises(RuntimeError, match="gave no answer"):
        contract.apart("reads", FILE, run=lambda command, stdin: b"Killed")


def test_bounds_belong_to_the_contract_and_what_was_not_measured_is_not_kept():
    terms = contract.Contract(100, 1.5, 2.0)
    assert contract.Measured(bytes=100).keeps("bytes", terms)
    assert not contract.Measured(bytes=101).keeps("bytes", terms)
    assert contract.Measured(points_lost=-3.0).keeps("accuracy", terms)
    assert contract.Measured(time_share=0.5).keeps("latency", terms)
    with pytest.raises(ValueError, match="not measured"):
        contract.Measured(bytes=1).keeps("latency", terms)


def test_the_room_for_all_tensors_is_no_more_than_was_admitted():
    two = encode_artifact({"a": torch.ones(10), "b": torch.ones(10)})
    assert quantize.decode_artifact(two, most_together=20).keys() == {"a", "b"}
    with pytest.raises(quantize.ArtifactError, match="together"):
        quantize.decode_artifact(two, most_together=19)
