"""Torch modules without message passing: encoders, decoders, discriminators, the detector's network; imported when they are needed."""
