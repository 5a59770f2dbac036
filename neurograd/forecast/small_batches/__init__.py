"""The forecast of trainings in small batches, by fresh subsets of the samples."""
