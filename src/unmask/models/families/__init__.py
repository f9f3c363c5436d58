"""Model families, one file each, named as recipes name them; `unmask.models.registry` finds them here."""
