"""Detector cards, the registry, the ONNX runtime and the built-in weights."""
