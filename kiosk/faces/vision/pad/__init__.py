"""Presentation attack detection: is it a person who stands there, or a picture of one?

Layers are combined with AND and fail closed. So far there is one, the passive texture layer.
"""
