"""The networks of the course: small enough for a laptop, different enough to be teacher and student."""

from kdtutor.models.convolutional import ResidualBlock, ResidualCNN, cnn, residual_cnn
from kdtutor.models.perceptrons import lenet_300_100, mlp
from kdtutor.models.rebuilt import from_state
from kdtutor.models.seeding import seeded
from kdtutor.models.speech import SpeechNetwork, StreamingSpeechNetwork, speech_network, streaming_speech_network

__all__ = [
    "ResidualBlock",
    "ResidualCNN",
    "SpeechNetwork",
    "StreamingSpeechNetwork",
    "cnn",
    "from_state",
    "lenet_300_100",
    "mlp",
    "residual_cnn",
    "seeded",
    "speech_network",
    "streaming_speech_network",
]
