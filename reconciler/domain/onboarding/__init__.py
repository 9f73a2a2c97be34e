"""reconciler/domain/onboarding."""
