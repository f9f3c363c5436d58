"""Write the JSON schema of a scan's result, as its dataclasses say it, into the package.

    .venv/bin/python scripts/write_scan_schema.py

A test fails when the file is not what this writes. A field that is taken away, renamed or changed in meaning needs a
new number (``unmask.report.SCHEMA``) and keeps the file of the earlier one.
"""

from __future__ import annotations

import json
from pathlib import Path

from unmask.report import SCHEMA
from unmask.report.schema import generated_schema

TARGET = Path(__file__).parents[1] / "src" / "unmask" / "report" / f"scan-schema-{SCHEMA}.json"

if __name__ == "__main__":
    TARGET.write_text(json.dumps(generated_schema(), indent=2) + "\n", encoding="utf-8")
    print(f"wrote {TARGET.name}")
