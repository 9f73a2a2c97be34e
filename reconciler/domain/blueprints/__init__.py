"""reconciler/domain/blueprints."""
