"""reconciler/services/admission."""
