"""A small study on the toy faces of the training tests."""

STUDY = """
name: toy-study
recipe: toy.yaml
changes: {optimiser.steps: 6}
components: 6
seeds: [0, 1]
factors:
  data:
    both: {}
    limited: {data.train: [{set: faces, split: train, limit: 16}]}
  lambda:
    "0": {loss.weight: 0}
    "0.5": {loss.weight: 0.5}
  target:
    all: {loss.target: all}
    real: {loss.target: real}
control: {lambda: "0"}
videos: [faces]
variants:
  sequential: {changes: {loss.weight: 1, pretraining.steps: 3}, seeds: [0]}
"""
