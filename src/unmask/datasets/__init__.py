"""Manifests, crops, self-blended images and augmentation."""
