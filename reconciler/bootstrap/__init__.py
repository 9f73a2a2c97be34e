"""reconciler/bootstrap."""
