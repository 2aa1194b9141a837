//! One store over SQLite or PostgreSQL: migrations, ingestion from the journal, queries.
