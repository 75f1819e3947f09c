-- A database made to be awkward: what real databases have and dumps get wrong. For psql, as a superuser,
-- on PostgreSQL 15 or newer with its contrib modules. Makes the roles awkward_owner and awkward_reader
-- where they do not exist; they belong to the cluster and stay.
SET client_min_messages = warning;
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'awkward_owner') THEN CREATE ROLE awkward_owner; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'awkward_reader') THEN CREATE ROLE awkward_reader; END IF;
END $$;

-- Names.
CREATE SCHEMA "Größe & ""Quotes"" / 'so'";
COMMENT ON SCHEMA "Größe & ""Quotes"" / 'so'" IS E'a comment\nover two lines with a \\ and a ''';
CREATE TABLE "Größe & ""Quotes"" / 'so'"."Table ""mixed"" 名前" ("Column A" int PRIMARY KEY, "select" text, "naïve\col" text);
INSERT INTO "Größe & ""Quotes"" / 'so'"."Table ""mixed"" 名前" VALUES (1, 'a', 'b'), (2, NULL, ''), (3, '', NULL);
CREATE TABLE a_name_of_exactly_sixty_three_bytes_which_is_as_long_as_allowed (a_column_of_exactly_sixty_three_bytes_as_long_as_one_ever_can_be int);
INSERT INTO a_name_of_exactly_sixty_three_bytes_which_is_as_long_as_allowed VALUES (63);
CREATE TABLE "-- not a comment; DROP TABLE x" ("); --" int);
INSERT INTO "-- not a comment; DROP TABLE x" VALUES (1);

-- Every built-in type, at its edges.
CREATE TABLE every_type (
  id int PRIMARY KEY, a bool, b int2, c int4, d int8, e float4, f float8, g numeric, h numeric(20, 5), i money, j text, k varchar(10), l char(10),
  m "char", n name, o bytea, p date, q time, r timetz, s timestamp, t timestamptz, u interval, v bit(5), w varbit, x uuid, y xml, z json,
  aa jsonb, ab jsonpath, ac inet, ad cidr, ae macaddr, af macaddr8, ag point, ah line, ai lseg, aj box, ak path, al polygon, am circle,
  an tsvector, ao tsquery, ap int4range, aq int8range, ar numrange, at tsrange, au tstzrange, av daterange, aw int4multirange, ax tstzmultirange,
  ay oid, az regclass, ba regtype, bb pg_lsn, bc tid, bd xid8, be pg_snapshot, bf refcursor, bg int[], bh text[][], bi int2vector
);
INSERT INTO every_type VALUES (1, true, -32768, -2147483648, -9223372036854775808, 'NaN', '-Infinity', 'NaN', -99999999999999.99999, -1234.56,
  E'tab\there, newline\nhere, return\rhere, backslash \\ and \\. and \\N, bell \007, vertical \013', 'ünïcödé', 'padded', E'\001', 'a name',
  (SELECT string_agg(set_byte('\x00'::bytea, 0, n), ''::bytea ORDER BY n) FROM generate_series(0, 255) n),
  '4713-01-01 BC', '24:00:00', '00:00:00+15:59:59', '-infinity', 'infinity', '-178000000 years 3 mons -4 days 05:06:07.000008',
  B'10101', B'', '00000000-0000-0000-0000-000000000000', '<a b="c">d &amp; e</a>', '{"a" : 1, "a": 2,  "b":[ ]}',
  '{"\u0001": "\u2028\ud83d\ude00", "n": 1e400, "deep": [[[[null]]]], "": ""}', '$.a[*] ? (@ > 1)', '::1/64', '10.0.0.0/8', '08:00:2b:01:02:03',
  '08:00:2b:01:02:03:04:05', '(1e300,-1e-300)', '{1,-1,0}', '((0,0),(1,1))', '((1,1),(0,0))', '[(0,0),(1,1)]', '((0,0),(1,1),(1,0))', '<(0,0),1.5>',
  'a:1A fat:2B,4C cat:5D', 'fat & (rat | !cat:AB)', '[1,10)', 'empty', '(,5.5]', '[2020-01-01,2020-01-02)', '[2020-01-01 00:00+00,)',
  '[2020-01-01,2020-02-01)', '{[1,3),[5,7)}', '{}', 4294967295, 'pg_class', 'int4[]', 'FFFFFFFF/FFFFFFFF', '(0,1)', '18446744073709551615',
  '10:20:10,14,15', 'cursor', '{{1,NULL},{3,4}}', '[0:1][2:2]={{"a,b"},{"\"q\" {x} \\ NULL"}}', '1 2 3');
INSERT INTO every_type (id, e, f, g, j, t, u) VALUES
  (2, 1e-45, 2.2250738585072014e-308, 'Infinity', '', '0044-03-15 12:00:00+00 BC', '0'),
  (3, '-0', 0.1, 1e-1000, NULL, '294276-12-31 23:59:59.999999+00', NULL),
  (4, 3.4028235e38, 1.7976931348623157e308, 12345678901234567890123456789.123456789, E'\\.', now(), 'P1Y2M3DT4H5M6.789S');

CREATE TABLE texts (id int, body text);
INSERT INTO texts VALUES (1, E'\\.'), (2, E'\\.\n\\.\n'), (3, E'\n'), (4, E'\t'), (5, E'\\'), (6, E'\\\\N'), (7, 'NULL'), (8, NULL), (9, ''), (10, E'\r\n'),
  (11, repeat(E'\\', 1001)), (12, repeat('x', 3000000)), (13, U&'\+01F600\+0000E9 e\0301'), (14, E'\\x'), (15, E'a\\.b'), (16, ' '), (17, E'\b\f\v');

-- Shapes of tables.
CREATE TABLE no_columns ();
INSERT INTO no_columns SELECT FROM generate_series(1, 7);
CREATE TABLE no_rows (id int PRIMARY KEY, note text DEFAULT 'nothing');
DO $$ BEGIN
  EXECUTE (SELECT 'CREATE TABLE many_columns (' || string_agg(format('c%s int', n), ', ') || ')' FROM generate_series(1, 1600) n);
  EXECUTE (SELECT 'INSERT INTO many_columns VALUES (' || string_agg(n::text, ', ') || ')' FROM generate_series(1, 1600) n);
END $$;
INSERT INTO many_columns (c1600) VALUES (NULL), (-1);
CREATE TABLE dropped_column (a int, b text, c int);
INSERT INTO dropped_column VALUES (1, 'gone', 3);
ALTER TABLE dropped_column DROP COLUMN b;
ALTER TABLE dropped_column ADD COLUMN d text DEFAULT 'added later' NOT NULL;
CREATE UNLOGGED TABLE unlogged (a int);
INSERT INTO unlogged VALUES (1), (1), (1);
CREATE TABLE generated (
  a int, doubled int GENERATED ALWAYS AS (a * 2) STORED,
  id int GENERATED ALWAYS AS IDENTITY (START 10 INCREMENT -3 MINVALUE -1000 MAXVALUE 10), id2 bigint GENERATED BY DEFAULT AS IDENTITY
);
INSERT INTO generated (a) SELECT generate_series(1, 5);
CREATE TABLE stored (a text COMPRESSION pglz, b text, c text) WITH (fillfactor = 42, autovacuum_enabled = false);
ALTER TABLE stored ALTER b SET STORAGE EXTERNAL, ALTER c SET STATISTICS 7;
INSERT INTO stored SELECT repeat('abc', 5000), repeat('xyz', 5000), 'c';

-- Kinds of types.
CREATE TYPE mood AS ENUM ('sad', 'so "so"', 'happy''s', 'naïve');
ALTER TYPE mood ADD VALUE 'before' BEFORE 'sad';
CREATE DOMAIN positive AS numeric(12, 2) DEFAULT 1 NOT NULL CONSTRAINT must_be_positive CHECK (VALUE > 0);
CREATE TYPE inner_type AS (a int, b text);
CREATE TYPE outer_type AS (i inner_type, list inner_type[], m mood);
CREATE TYPE floats AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE TABLE of_types (id int PRIMARY KEY, m mood, p positive, o outer_type, r floats, ms mood[]);
INSERT INTO of_types VALUES (1, 'before', 0.01, ROW(ROW(1, E'a"b,(c)\\'), ARRAY[ROW(2, NULL), ROW(NULL, '')]::inner_type[], 'happy''s'), '[1.5,2.5)', '{naïve,"so \"so\""}');

-- Partitions and inheritance.
CREATE TABLE measured (at date NOT NULL, city text, value int) PARTITION BY RANGE (at);
CREATE TABLE measured_2024 PARTITION OF measured FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY LIST (city);
CREATE TABLE measured_2024_north PARTITION OF measured_2024 FOR VALUES IN ('Oslo', 'Åbo', NULL);
CREATE TABLE measured_2024_rest PARTITION OF measured_2024 DEFAULT;
CREATE TABLE measured_other PARTITION OF measured DEFAULT;
CREATE INDEX ON measured (at, value);
INSERT INTO measured SELECT date '2023-06-01' + n, (ARRAY['Oslo', 'Åbo', 'Rome', NULL])[1 + n % 4], n FROM generate_series(0, 999) n;
CREATE TABLE hashed (id int PRIMARY KEY, v text) PARTITION BY HASH (id);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO hashed SELECT n, md5(n::text) FROM generate_series(1, 100) n;
CREATE TABLE parent (a int, b text DEFAULT 'p');
CREATE TABLE child (c int) INHERITS (parent);
CREATE TABLE grandchild (CHECK (a > 0)) INHERITS (child);
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (2, 'c', 3);
INSERT INTO grandchild VALUES (4, 'g', 5);

-- Constraints, foreign keys in a cycle, indexes.
CREATE TABLE hen (id int PRIMARY KEY, egg int NOT NULL);
CREATE TABLE egg (id int PRIMARY KEY, hen int NOT NULL REFERENCES hen DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE hen ADD CONSTRAINT hen_egg FOREIGN KEY (egg) REFERENCES egg DEFERRABLE INITIALLY DEFERRED;
BEGIN;
INSERT INTO hen VALUES (1, 1);
INSERT INTO egg VALUES (1, 1);
COMMIT;
CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree);
INSERT INTO tree SELECT n, CASE WHEN n < 50 THEN n + 1 END FROM generate_series(1, 50) n;
CREATE EXTENSION btree_gist;
CREATE TABLE booked (room int, during tstzrange, EXCLUDE USING gist (room WITH =, during WITH &&));
INSERT INTO booked VALUES (1, '[2024-01-01 00:00+00,2024-01-02 00:00+00)'), (1, '[2024-01-02 00:00+00,)');
ALTER TABLE booked ADD CONSTRAINT later CHECK (room < 100) NOT VALID;
CREATE INDEX "Partial ""index""" ON texts ((lower(left(body, 100)))) WHERE id > 3;
CREATE INDEX covering ON every_type USING btree (b DESC NULLS LAST) INCLUDE (c);
CREATE STATISTICS correlated (ndistinct, dependencies, mcv) ON a, b FROM parent;
ALTER TABLE tree REPLICA IDENTITY FULL;
CLUSTER hen USING hen_pkey;

-- Sequences at odd values.
CREATE SEQUENCE never_called START 5;
CREATE SEQUENCE called;
SELECT nextval('called');
CREATE SEQUENCE falling AS smallint INCREMENT -2 MINVALUE -100 MAXVALUE -1 CYCLE CACHE 5;
SELECT setval('falling', -99, false);
CREATE SEQUENCE at_the_end MAXVALUE 9223372036854775807;
SELECT setval('at_the_end', 9223372036854775807);
CREATE TABLE serials (id serial PRIMARY KEY, big bigserial);
INSERT INTO serials DEFAULT VALUES;
ALTER SEQUENCE serials_big_seq RESTART 77;

-- Views, functions, operators, triggers, rules, policies.
CREATE VIEW seen WITH (security_barrier) AS SELECT id, body FROM texts WHERE id < 10 WITH CASCADED CHECK OPTION;
CREATE MATERIALIZED VIEW counted AS SELECT city, count(*) FROM measured GROUP BY city;
CREATE UNIQUE INDEX ON counted (city);
CREATE MATERIALIZED VIEW unpopulated AS SELECT 1 AS one WITH NO DATA;
CREATE RECURSIVE VIEW upto (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM upto WHERE n < 5;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  -- a comment with $$ and '; DROP TABLE texts; --
  NEW.note := coalesce(NEW.note, 'touched');
  RETURN NEW;
END $body$;
CREATE TRIGGER touched BEFORE INSERT OR UPDATE OF note ON no_rows FOR EACH ROW WHEN (NEW.id > 0) EXECUTE FUNCTION touch();
ALTER TABLE no_rows DISABLE TRIGGER touched;
CREATE FUNCTION overloaded(int) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT $1';
CREATE FUNCTION overloaded(text, VARIADIC text[] DEFAULT '{}') RETURNS text LANGUAGE sql SET search_path = pg_catalog AS 'SELECT $1';
CREATE PROCEDURE noop(INOUT a int) LANGUAGE sql BEGIN ATOMIC SELECT a + 1; END;
CREATE FUNCTION longer(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT CASE WHEN length($2) > length($1) THEN $2 ELSE $1 END';
CREATE AGGREGATE longest(text) (sfunc = longer, stype = text, initcond = '');
CREATE OPERATOR === (leftarg = text, rightarg = text, function = texteq, commutator = ===);
CREATE CAST (inner_type AS text) WITH INOUT;
CREATE RULE no_delete AS ON DELETE TO hen DO INSTEAD NOTHING;
ALTER TABLE texts ENABLE ROW LEVEL SECURITY;
CREATE POLICY only_short ON texts AS RESTRICTIVE FOR SELECT TO awkward_reader USING (length(body) < 100);
CREATE FUNCTION nothing() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER quiet ON ddl_command_end WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION nothing();

-- Other kinds of objects.
CREATE EXTENSION hstore SCHEMA "Größe & ""Quotes"" / 'so'";
CREATE EXTENSION postgres_fdw;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'nowhere.invalid', dbname 'd');
CREATE USER MAPPING FOR awkward_owner SERVER elsewhere OPTIONS (user 'u');
CREATE FOREIGN TABLE remote (a int, b text OPTIONS (column_name 'B')) SERVER elsewhere OPTIONS (table_name 't');
CREATE COLLATION german (provider = icu, locale = 'de-u-ks-level2', deterministic = false);
CREATE TABLE collated (a text COLLATE german, b text COLLATE "C");
INSERT INTO collated VALUES ('Ä', 'ß'), ('ä', 'ss');
CREATE TEXT SEARCH DICTIONARY words (TEMPLATE = simple, STOPWORDS = english);
CREATE TEXT SEARCH CONFIGURATION searching (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION searching ALTER MAPPING FOR word WITH words;
CREATE PUBLICATION published FOR TABLE texts (id, body) WHERE (id > 1), parent;
CREATE ACCESS METHOD heap_too TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE on_heap_too (a int) USING heap_too;
INSERT INTO on_heap_too VALUES (1);

-- Ownership, privileges, comments.
ALTER TABLE parent OWNER TO awkward_owner;
ALTER SCHEMA "Größe & ""Quotes"" / 'so'" OWNER TO awkward_owner;
GRANT SELECT, INSERT (id, body), UPDATE (body) ON texts TO awkward_reader WITH GRANT OPTION;
GRANT USAGE ON SEQUENCE called TO awkward_reader;
REVOKE EXECUTE ON FUNCTION overloaded(int) FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE awkward_owner IN SCHEMA public GRANT SELECT ON TABLES TO awkward_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE awkward_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
COMMENT ON COLUMN texts.body IS E'\\. and \t and ''quotes''';
COMMENT ON CONSTRAINT hen_egg ON hen IS 'which came first';
COMMENT ON INDEX covering IS 'an index';
COMMENT ON TYPE mood IS 'a type';
COMMENT ON TRIGGER touched ON no_rows IS 'a trigger';
COMMENT ON POLICY only_short ON texts IS 'a policy';
COMMENT ON FUNCTION overloaded(int) IS 'a function';

-- Large objects.
SELECT lo_create(424242);
SELECT lo_from_bytea(424243, (SELECT string_agg(set_byte('\x00'::bytea, 0, n % 256), ''::bytea) FROM generate_series(0, 9999) n));
SELECT lo_from_bytea(4000000000, '\x5c2e0a');
COMMENT ON LARGE OBJECT 424243 IS 'all bytes, many times';
GRANT SELECT ON LARGE OBJECT 424242 TO awkward_reader;
