"""What is kept: tables, migrations, one writer, queries. SQLite or PostgreSQL."""
