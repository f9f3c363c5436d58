"""unmask tells whether the faces in an image or video were manipulated."""

__version__ = "0.1.0"
