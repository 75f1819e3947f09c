import type { Postgres } from '@ops/testbed'

/** What the row of one order takes in a dump, with its share of the customers. */
const BYTES_PER_ORDER = 470
const ORDERS_PER_STATEMENT = 250_000
const ORDERS_PER_CUSTOMER = 10

/**
 * Fills a database with rows that take about `bytes` in a dump, of the kinds that applications have:
 * names and e-mail addresses, free text, numbers, money, timestamps, JSON documents, UUIDs. All are
 * drawn at random from a fixed seed; nothing is padding.
 */
export async function fillShop(server: Postgres, database: string, bytes: number): Promise<void> {
  await server.createDatabase(database)
  await server.query(SCHEMA, database)
  const orders = Math.ceil(bytes / BYTES_PER_ORDER)
  for (let from = 1; from <= orders; from += ORDERS_PER_STATEMENT) {
    const to = Math.min(orders, from + ORDERS_PER_STATEMENT - 1)
    await server.query(insertOrders(from, to), database)
  }
  await server.query(insertCustomers(Math.ceil(orders / ORDERS_PER_CUSTOMER)), database)
  await server.query('vacuum analyze', database)
}

const SCHEMA = `
  create table customers (
    id bigint primary key,
    public_id uuid not null,
    name text not null,
    email text not null,
    address json not null,
    created_at timestamptz not null
  );
  create table orders (
    id bigint primary key,
    public_id uuid not null,
    customer_id bigint not null,
    placed_at timestamptz not null,
    status text not null,
    total numeric(12, 2) not null,
    weight_kg double precision,
    note text,
    items json not null,
    request json not null
  );
`

/** Parts of the notes that people write on orders. */
const OPENINGS = [
  'Customer called and asked',
  'Customer wrote by e-mail and asks',
  'Please remember',
  'The courier was told',
  'Returning customer, wants us',
  'Agreed on the phone',
  'The warehouse was asked',
  'Second request',
  'Gift order, be careful',
  'As discussed with the sales team, we promised',
]
const REQUESTS = [
  'to deliver only in the morning',
  'to leave the parcel with the neighbour at number %s',
  'to change the delivery address to the office',
  'to split the order into two parcels',
  'to add a second invoice for the company',
  'to replace the item that arrived damaged',
  'to refund %s because the wrong size was sent',
  'to hold the order until the rest is back in stock',
  'to wrap everything as a present with a short card',
  'to use the side entrance, the bell does not work',
  'to combine this with order %s if it has not left yet',
  'to send the tracking link again',
]
const CLOSINGS = [
  'before the end of the week',
  'not later than day %s of the month',
  'and to confirm it by e-mail',
  'otherwise cancel without further notice',
  'see ticket %s for the whole story',
  'paid in advance, nothing to collect',
  'call %s when at the door',
  'no signature needed',
  'this has been approved by the manager',
  'they were very friendly about it',
]
/** The catalogue: what is sold is sold many times. */
const PRODUCTS = 5000
const COLOURS = `white black grey red blue green yellow orange natural silver golden brown turquoise pink purple cream
  anthracite bordeaux olive sand`
const MATERIALS = `oak walnut steel linen cotton glass ceramic leather bamboo wool`
const THINGS = `table chair lamp shelf vase basket blanket pillow mirror clock rug bowl tray stool bench desk candle frame
  curtain mug plate teapot kettle pan board`
const SHOP_PATHS = `checkout cart products search account orders wishlist garden kitchen outdoor books toys shoes sale`

const FIRST_NAMES = `Anna Ben Chloé David Elif Fatima Georg Hannah Ivan José Klára Liam Mei Noah Olga Paul Quentin Rosa
  Søren Tomás Uma Victor Wanda Xavier Yuki Zoë`
const LAST_NAMES = `Andersson Bauer Costa Dubois Eriksen Fischer García Horváth Ivanova Jensen Kowalski López Müller
  Nguyen Okafor Petrov Quinn Rossi Schmidt Tanaka Ueda Virtanen Weber Xu Yılmaz Zhang`
const CITIES = `Amsterdam Berlin Copenhagen Dublin Edinburgh Florence Geneva Hamburg Istanbul Kraków Lisbon Madrid`
const USER_AGENTS = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15',
  'Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148',
]

function insertOrders(from: number, to: number): string {
  return `
    select setseed(${from / 1e9});
    insert into orders
    select
      id,
      gen_random_uuid(),
      1 + floor(random() * ${Math.ceil(to / ORDERS_PER_CUSTOMER)}),
      timestamptz '2023-01-01 00:00:00Z' + id * interval '7 seconds' + random() * interval '7 seconds',
      ${oneOf(['delivered', 'shipped', 'packed', 'paid', 'new', 'returned'])},
      round((5 + random() ^ 3 * 900)::numeric, 2),
      case when random() < 0.8 then random() * 20 end,
      case when random() < 0.3 then ${sentence()} end,
      (case when random() < 0.6 then jsonb_build_array(${item('product')})
        else jsonb_build_array(${item('product')}, ${item('other_product')}) end)::json,
      jsonb_build_object(
        'ip', format('%s.%s.%s.%s', ${Array.from({ length: 4 }, () => 'floor(random() * 256)').join(', ')}),
        'agent', ${oneOf(USER_AGENTS)},
        'path', '/' || ${oneOf(split(SHOP_PATHS))} || '/' || floor(random() * 1e6),
        'ms', round((random() * 900)::numeric, 3)
      )::json
    from (
      select id, ${PRODUCT} as product, ${PRODUCT} as other_product
      from generate_series(${from}, ${to}) as id
    ) as drawn`
}

/** An SQL expression: the number of a product; some sell far better than others. */
const PRODUCT = `floor(random() ^ 2 * ${PRODUCTS})::int`

/** An SQL expression: a line of an order, as it was when the product was bought. */
function item(product: string): string {
  const title = [COLOURS, MATERIALS, THINGS].map((list, index) => {
    const texts = split(list)
    return `(${textArray(texts)})[1 + ${product} / ${[1, 20, 200][index]} % ${texts.length}]`
  })
  return `jsonb_build_object(
    'sku', 'SKU-' || lpad(${product}::text, 6, '0'),
    'title', ${title.join(` || ' ' || `)} || ', ' || 10 + ${product} % 7 * 5 || ' cm',
    'price', round(5 + ${product} * 7919 % 20000 / 100.0, 2),
    'quantity', 1 + floor(random() ^ 3 * 5)
  )`
}

function insertCustomers(count: number): string {
  return `
    select setseed(0.5);
    insert into customers
    select
      id,
      gen_random_uuid(),
      first_name || ' ' || last_name,
      lower(first_name || '.' || last_name) || floor(random() * 1000) || '@example.' || ${oneOf(['com', 'org', 'net'])},
      jsonb_build_object(
        'street', ${oneOf(split(LAST_NAMES))} || ' Street ' || 1 + floor(random() * 200),
        'city', ${oneOf(split(CITIES))},
        'zip', lpad(floor(random() * 100000)::text, 5, '0')
      )::json,
      timestamptz '2019-01-01 00:00:00Z' + random() * interval '4 years'
    from (
      select id, ${oneOf(split(FIRST_NAMES))} as first_name, ${oneOf(split(LAST_NAMES))} as last_name
      from generate_series(1, ${count}) as id
    ) as people`
}

/** An SQL expression: one of the texts, the first ones more often than the last ones. */
function oneOf(texts: readonly string[]): string {
  return `(${textArray(texts)})[1 + floor(random() ^ 2 * ${texts.length})]`
}

function textArray(texts: readonly string[]): string {
  return `'{${texts.map((text) => `"${text}"`).join(',')}}'::text[]`
}

/** An SQL expression: a sentence with numbers in it. */
function sentence(): string {
  const parts = [OPENINGS, REQUESTS, CLOSINGS].map(oneOf).join(` || ' ' || `)
  return `format(${parts}, floor(random() * 100000), floor(random() * 100))`
}

function split(text: string): string[] {
  return text.trim().split(/\s+/)
}
