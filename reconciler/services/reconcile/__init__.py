"""reconciler/services/reconcile."""
