"""Inference of the active bundle's models: from verified bytes to scores in whole numbers.

`onnxruntime` is imported when a model set is loaded and not before: a daemon without models stays light.
"""
