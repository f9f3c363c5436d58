"""Small drawings that show a verdict by their shape: for each the outer and the inner path, in a box of 24 x 24."""

MARKS = {
    "likely_fake": ("M12 2L23 21H1z", "M12 8.5v6M12 17v1.6"),
    "likely_real": ("M12 1.5a10.5 10.5 0 1 0 0 21a10.5 10.5 0 1 0 0-21z", "M7 12.3l3.6 3.6L17 8.8"),
    "inconclusive": ("M12 1L23 12L12 23L1 12z", "M7.5 12h9"),
    "unscored": (
        "M6 2h12a4 4 0 0 1 4 4v12a4 4 0 0 1-4 4H6a4 4 0 0 1-4-4V6a4 4 0 0 1 4-4z",
        "M7.5 7.5l9 9M16.5 7.5l-9 9",
    ),
    "pending": ("M12 1.5a10.5 10.5 0 1 0 0 21a10.5 10.5 0 1 0 0-21z", "M12 6.5v6l4 2.5"),
}
