"""reconciler/formats/yaml."""
