"""reconciler/formats."""
