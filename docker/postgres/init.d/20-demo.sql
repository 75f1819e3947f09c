-- What the demo API works on. An application of your own takes this file's place with its migrations.
\connect app
SET ROLE app_owner;
CREATE TABLE IF NOT EXISTS note (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  body text NOT NULL CHECK (length(body) BETWEEN 1 AND 10000),
  tags text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now()
);
-- Substrings of the text (pg_trgm) and tags, from one index.
CREATE INDEX IF NOT EXISTS note_search ON note USING gin (body public.gin_trgm_ops, tags);
