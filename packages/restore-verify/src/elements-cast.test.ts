import { describe, expect, it } from 'vitest'
import { withElementsCast } from './elements-cast.ts'

describe('a cast of a whole array', () => {
  // Left is what pg_dump writes of a new object, right what it writes of the same object once that was restored.
  it.each([
    [
      `CHECK (((status)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))`,
      `CHECK (((status)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text])))`,
    ],
    [`(n = ANY ((ARRAY[1, 2])::numeric[]))`, `(n = ANY (ARRAY[(1)::numeric, (2)::numeric]))`],
    [
      `((ARRAY[ARRAY['a'::character varying], ARRAY['b'::character varying]])::text[])`,
      `(ARRAY[ARRAY[('a'::character varying)::text], ARRAY[('b'::character varying)::text]])`,
    ],
    [
      `(ARRAY['it''s, ok'::x.citext, 'x]y'::x.citext])::text[]`,
      `ARRAY[('it''s, ok'::x.citext)::text, ('x]y'::x.citext)::text]`,
    ],
    [
      `(ARRAY[f(a, (b)::text), "c,d"])::"My Types"."T,"[]`,
      `ARRAY[(f(a, (b)::text))::"My Types"."T,", ("c,d")::"My Types"."T,"]`,
    ],
    [
      `(ARRAY['x'::text, 'y'::text])::character varying(3)[]`,
      `ARRAY[('x'::text)::character varying(3), ('y'::text)::character varying(3)]`,
    ],
    [
      `(ARRAY[a])::timestamp with time zone[] AND (ARRAY[b])::text[]`,
      `ARRAY[(a)::timestamp with time zone] AND ARRAY[(b)::text]`,
    ],
  ])('is handed to its elements: %s', (dumped, restored) => {
    expect(withElementsCast(dumped)).toBe(restored)
    expect(withElementsCast(restored)).toBe(restored)
  })

  it.each([
    `f(ARRAY['a'::text])::text[]`,
    `('(ARRAY[a])::text[]'::text || "(ARRAY[a])::text[]")`,
    `AS $_$ SELECT (ARRAY[a])::text[] $_$;`,
    `(ARRAY[a, b])::text`,
    `(ARRAY[a][1])::text[]`,
    `(ARRAY[a] || ARRAY[b])::text[]`,
    `(ARRAY[a`,
  ])('is not what this is, so it stays: %s', (text) => {
    expect(withElementsCast(text)).toBe(text)
  })
})
