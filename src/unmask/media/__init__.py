"""Opens untrusted images and videos, samples frames and enforces limits."""
