"""One file per kind of model: load, preprocess, forward, postprocess. Worker side only."""
