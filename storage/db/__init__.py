"""How PostgreSQL is reached: engine, codecs, migrations and health."""
