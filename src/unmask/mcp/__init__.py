"""Tools for assistants, by the Model Context Protocol: local files only, below folders that were named.

``folders`` decides which files, ``tools`` scans and puts into words, ``server`` speaks the protocol.
"""
