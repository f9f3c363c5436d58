"""The networks in torch, one file a detector, and their losses."""
