"""Finds faces, links them into tracks and cuts crops by named profiles."""
