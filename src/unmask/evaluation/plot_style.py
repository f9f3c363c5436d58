"""How plots look."""

from __future__ import annotations

from typing import Any

# Okabe and Ito's palette: told apart with every kind of colour vision, and dark enough on paper.
FIRST, SECOND, GREY = "#0072B2", "#D55E00", "#666666"
STYLE: Any = {
    "font.size": 8,
    "axes.titlesize": 8,
    "legend.fontsize": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,
}
DOTS_PER_INCH = 300
COLUMN = 3.5  # Inches: one column of a paper.
