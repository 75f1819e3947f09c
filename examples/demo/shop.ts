/** A shop with half a million rows of varied data: text, numbers, timestamps, json, uuid, arrays, a view, functions. */
export const SHOP_SQL: string = String.raw`
SELECT setseed(0.42);

CREATE TABLE customers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  email text NOT NULL UNIQUE,
  name text NOT NULL,
  tags text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL
);
CREATE TABLE products (
  sku uuid PRIMARY KEY,
  title text NOT NULL,
  price numeric(10, 2) NOT NULL CHECK (price > 0),
  attributes jsonb NOT NULL
);
CREATE TYPE order_state AS ENUM ('placed', 'paid', 'shipped', 'returned');
CREATE TABLE orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers,
  state order_state NOT NULL,
  note text,
  placed_at timestamptz NOT NULL
);
CREATE TABLE order_lines (
  order_id bigint NOT NULL REFERENCES orders,
  line int NOT NULL,
  sku uuid NOT NULL REFERENCES products,
  quantity int NOT NULL,
  price numeric(10, 2) NOT NULL,
  PRIMARY KEY (order_id, line)
);

INSERT INTO customers (email, name, tags, created_at)
SELECT 'user' || i || '@' || (ARRAY['example.com', 'example.org', 'example.net'])[1 + i % 3],
       initcap(substr(md5(i::text), 1, 7)) || ' ' || initcap(substr(md5((-i)::text), 1, 9)),
       CASE WHEN i % 5 = 0 THEN ARRAY['newsletter', 'tab' || chr(9) || 'bed', 'Zoë'] ELSE '{}' END,
       timestamptz '2024-01-01' + i * interval '13 minutes'
  FROM generate_series(1, 40000) i;
INSERT INTO products
SELECT md5('sku' || i)::uuid, 'Product ' || i || ' ' || substr(md5(i::text), 1, 20), round((1 + random() * 500)::numeric, 2),
       jsonb_build_object('weight', i % 900, 'colour', (ARRAY['red', 'grün', 'bleu'])[1 + i % 3], 'sizes', jsonb_build_array(i % 7, i % 11))
  FROM generate_series(1, 5000) i;
INSERT INTO orders (customer_id, state, note, placed_at)
SELECT 1 + (i * 7919) % 40000, (enum_range(NULL::order_state))[1 + i % 4],
       CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE 'leave at the door' || chr(10) || 'ring ' || i END,
       timestamptz '2025-01-01' + i * interval '3 minutes'
  FROM generate_series(1, 120000) i;
INSERT INTO order_lines
SELECT o, l, md5('sku' || 1 + (o * 31 + l * 17) % 5000)::uuid, 1 + (o + l) % 4, round((1 + random() * 500)::numeric, 2)
  FROM generate_series(1, 120000) o, generate_series(1, 3) l;

CREATE INDEX orders_by_customer ON orders (customer_id, placed_at DESC);
CREATE INDEX products_by_attribute ON products USING gin (attributes);
CREATE VIEW revenue AS
  SELECT date_trunc('month', placed_at) AS month, sum(quantity * price) AS total
    FROM orders JOIN order_lines ON order_id = id WHERE state <> 'returned' GROUP BY 1;
CREATE FUNCTION order_total(wanted bigint) RETURNS numeric LANGUAGE sql STABLE
  AS $$ SELECT sum(quantity * price) FROM order_lines WHERE order_id = wanted $$;
COMMENT ON VIEW revenue IS 'Without what came back';
`
