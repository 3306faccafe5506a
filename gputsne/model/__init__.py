"""A fit from parameters to a kept map: parameters, pipeline, persistence."""
