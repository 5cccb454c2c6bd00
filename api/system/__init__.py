"""The parts of the installation: database, Temporal, workers, catalog and policy."""
