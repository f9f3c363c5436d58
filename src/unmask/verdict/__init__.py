"""From frame scores to tracks to one calibrated verdict a file, with abstaining."""
