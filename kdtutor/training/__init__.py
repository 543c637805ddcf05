"""One training loop for labels, distillation and fine-tuning: what differs is the loss it is handed."""

from kdtutor.training.device import default_device
from kdtutor.training.fit import fit
from kdtutor.training.fit_many import epochs_of_many, fit_many
from kdtutor.training.history import History
from kdtutor.training.predict import predict
from kdtutor.training.recipe import Recipe
from kdtutor.training.teacher import glyph_teacher

__all__ = ["History", "Recipe", "default_device", "epochs_of_many", "fit", "fit_many", "glyph_teacher", "predict"]
