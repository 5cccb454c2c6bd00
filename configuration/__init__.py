"""What operators write: catalogs and policies as YAML, settings as environment variables."""
