/** A small database with what an archive can hold: odd names, NULLs, no columns, no rows, large objects, … */
export const SHOP = `
  CREATE SCHEMA "Läden";
  CREATE TABLE customer (id int PRIMARY KEY, name text, city text DEFAULT 'Bern', note text);
  INSERT INTO customer SELECT i, 'name ' || i, 'city ' || i % 7, CASE WHEN i % 3 = 0 THEN NULL ELSE E'a\\tb\\n\\\\.' END
    FROM generate_series(1, 5000) i;
  CREATE INDEX customer_city ON customer (city);
  CREATE TABLE "Läden"."Order ""x"" (y)" ("Nr." int, "a, b" text, "FROM stdin" text);
  INSERT INTO "Läden"."Order ""x"" (y)" VALUES (1, '\\.', 'x'), (1, '\\.', 'x'), (2, '', NULL);
  CREATE TABLE without_columns ();
  INSERT INTO without_columns DEFAULT VALUES;
  INSERT INTO without_columns DEFAULT VALUES;
  CREATE TABLE without_rows (x int);
  CREATE SEQUENCE counter;
  SELECT setval('counter', 41);
  CREATE FUNCTION double(int) RETURNS int LANGUAGE sql AS 'SELECT 2 * $1';
  CREATE VIEW cities AS SELECT city, count(*) FROM customer GROUP BY city;
  CREATE MATERIALIZED VIEW names AS SELECT name FROM customer;
  COMMENT ON TABLE customer IS 'who buys';
  GRANT SELECT ON customer TO public;
  SELECT lo_from_bytea(16400, 'hello'), lo_from_bytea(3000000000, decode(repeat('0a5c2e0a00', 20000), 'hex'));
`
