"""What a bundle is: its manifest, its archive, the models in it, and what they have to show before anybody runs them.

Everything here says no to what it does not know. `manifest` and `archive` read bytes that strangers may have made;
`lint`, `trees` and `golden` look into models and belong into the preflight's child process, as they import onnx and
onnxruntime.
"""
