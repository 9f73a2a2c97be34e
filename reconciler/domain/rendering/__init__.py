"""reconciler/domain/rendering."""
