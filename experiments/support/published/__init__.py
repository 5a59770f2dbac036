"""Trainings that other simulators published, and what they are held against here."""
