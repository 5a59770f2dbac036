"""What training through a chip will give, predicted without training through it.

``forecast_chip`` takes a chip and a problem, and predicts the weights at the end of a training:
the mean update is the drift of a stochastic differential equation, its noise the diffusion.

* ``path`` composes the pieces below along the predicted path, step by step.
* ``step_length`` says how many updates are taken together.
* ``gradient_estimates`` and ``write_response`` give mean and variance of one update.
* ``runge_kutta_legendre`` integrates the drift over many updates.
* ``diffusion`` draws the noise of many updates, ``noise_splitting`` says which part of it comes
  before the drift and which after it.
* ``stiff_modes`` and ``decay_rate`` know the curvature along the path.
* ``dynamics`` is what a path asks of the updates: by gradients over the whole set, or, in
  ``small_batches``, by fresh subsets of the samples.
* ``remembered`` follows a chip whose digital recipe has a memory, such as momentum.
* ``frozen`` is the older prediction around one point of the clean training.

Constants that are called *tuned* were set by hand while ``experiments.agreement`` was run on its 63
chips, to meet its claims on these. They were not tested on other chips, so how well the forecast
does there is no evidence for them.
"""

from neurograd.forecast.chip_end import ForecastChip, forecast_chip

__all__ = ["ForecastChip", "forecast_chip"]
