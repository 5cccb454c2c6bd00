"""HTTP for the audit."""
