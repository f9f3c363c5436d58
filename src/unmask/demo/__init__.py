"""A public-domain portrait and clips made from it: for trying things out without anybody else's face."""

from unmask.demo.clips import FACE, portrait, with_blended_face, write_clip

__all__ = ["FACE", "portrait", "with_blended_face", "write_clip"]
