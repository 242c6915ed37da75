"""Recurrent networks: the layer with its backpropagation through time, and the sequence model built on it."""

from livegrad.rnn.layer import RNN, Gradients, Trace
from livegrad.rnn.sequence_model import Cost, SequenceGradients, SequenceModel, SequenceTrace

__all__ = ["RNN", "Cost", "Gradients", "SequenceGradients", "SequenceModel", "SequenceTrace", "Trace"]
