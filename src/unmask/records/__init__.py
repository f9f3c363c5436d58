"""What lets others check a scan later: a report's manifest, the check of both, and a log of scans."""
