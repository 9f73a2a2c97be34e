"""reconciler/services/planning."""
