"""reconciler/domain/admission."""
