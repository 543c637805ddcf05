"""One training loop for labels, distillation and fine-tuning: what differs is the loss it is handed."""

from kdtutor.training.device import default_device
from kdtutor.training.fit import History, Recipe, fit, predict

__all__ = ["History", "Recipe", "default_device", "fit", "predict"]
