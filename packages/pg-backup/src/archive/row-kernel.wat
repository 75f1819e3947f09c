;; Splits the data blocks of an uncompressed archive into rows and hashes each row.
;;
;; The hash is MurmurHash3_x64_128 (Austin Appleby, public domain) of a row's bytes without its
;; newline, with the seed 0x6f707331. The hashes of all rows are added up, each half modulo 2^64:
;; the sums do not depend on the order of the rows.
;;
;; The caller puts bytes at the address `input` and calls `run`; blocks and rows may be cut anywhere
;; between two calls. What is between two calls lives in the globals and in the 16 bytes at `carry`.
;;
;; Data of a table is a chain of blocks, each one sign byte (0), a 32-bit little-endian length and
;; that many bytes, and a last block of length 0. Its rows end with `\.` and two empty lines.
(module
  ;; One page below `input`, 64 KiB of input, and a page so that reading 16 bytes never leaves memory.
  (memory (export "memory") 3)
  (global $carry i32 (i32.const 0))
  (global $input (export "input") i32 (i32.const 65536))
  (global $capacity (export "capacity") i32 (i32.const 65536))

  (global $rows (export "rows") (mut i64) (i64.const 0))
  (global $bytes (export "bytes") (mut i64) (i64.const 0))
  (global $sum1 (export "sum1") (mut i64) (i64.const 0))
  (global $sum2 (export "sum2") (mut i64) (i64.const 0))
  ;; Lines from the `\.` on, it included; 0 while rows come.
  (global $end_lines (export "endLines") (mut i32) (i32.const 0))
  ;; Bytes in the lines after `\.`, where there must be none.
  (global $end_bytes (export "endBytes") (mut i64) (i64.const 0))

  ;; Bytes of the current block that have not come yet.
  (global $block_left (mut i32) (i32.const 0))
  ;; The row so far: hash state, bytes in it, and bytes that wait in `carry` for a full 16.
  (global $h1 (mut i64) (i64.const 0))
  (global $h2 (mut i64) (i64.const 0))
  (global $length (mut i64) (i64.const 0))
  (global $carried (mut i32) (i32.const 0))

  ;; Begins a table.
  (func (export "start")
    (global.set $rows (i64.const 0))
    (global.set $bytes (i64.const 0))
    (global.set $sum1 (i64.const 0))
    (global.set $sum2 (i64.const 0))
    (global.set $end_lines (i32.const 0))
    (global.set $end_bytes (i64.const 0))
    (global.set $block_left (i32.const 0))
    (call $start_row))

  ;; Whether a row has begun and not ended; bytes of it may be hashed or carried.
  (func (export "inRow") (result i32)
    (i64.ne (i64.or (global.get $length) (i64.extend_i32_u (global.get $carried))) (i64.const 0)))

  ;; Follows blocks from $p to $end, reading the rows in them if $reading. Returns how far it came:
  ;; to less than a block header before $end, or to a header that is not that of another block.
  (func (export "run") (param $p i32) (param $end i32) (param $reading i32) (result i32)
    (local $left i32)
    (local $stop i32)
    (loop $block
      (local.set $left (global.get $block_left))
      (if (i32.eqz (local.get $left))
        (then
          (if (i32.lt_u (i32.sub (local.get $end) (local.get $p)) (i32.const 5))
            (then (return (local.get $p))))
          (local.set $left (i32.load offset=1 align=1 (local.get $p)))
          (if (i32.or (i32.load8_u (local.get $p)) (i32.le_s (local.get $left) (i32.const 0)))
            (then (return (local.get $p))))
          (local.set $p (i32.add (local.get $p) (i32.const 5)))))
      (local.set $stop
        (select
          (i32.add (local.get $p) (local.get $left))
          (local.get $end)
          (i32.lt_u (local.get $left) (i32.sub (local.get $end) (local.get $p)))))
      (global.set $block_left
        (i32.sub (local.get $left) (i32.sub (local.get $stop) (local.get $p))))
      (if (local.get $reading)
        (then (call $read (local.get $p) (local.get $stop))))
      (local.set $p (local.get $stop))
      (br_if $block (i32.lt_u (local.get $p) (local.get $end))))
    (local.get $p))

  (func $start_row
    (global.set $h1 (i64.const 0x6f707331))
    (global.set $h2 (i64.const 0x6f707331))
    (global.set $length (i64.const 0))
    (global.set $carried (i32.const 0)))

  ;; Reads the rows, and parts of rows, from $p to $stop.
  (func $read (param $p i32) (param $stop i32)
    (local $h1 i64)
    (local $h2 i64)
    (local $length i64)
    (local $w1 i64)       ;; the next 16 bytes
    (local $w2 i64)
    (local $newlines i32)
    (local $n i32)        ;; bytes before the newline, or before $stop

    (if (global.get $carried)
      (then (local.set $p (call $refill (local.get $p) (local.get $stop)))))
    (local.set $h1 (global.get $h1))
    (local.set $h2 (global.get $h2))
    (local.set $length (global.get $length))

    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $p) (local.get $stop)))
        (local.set $w1 (i64.load align=1 (local.get $p)))
        (local.set $w2 (i64.load offset=8 align=1 (local.get $p)))
        (local.set $newlines
          (i8x16.bitmask
            (i8x16.eq
              (v128.load align=1 (local.get $p))
              (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10))))

        (if (i32.eqz (local.get $newlines))
          (then
            (if (i32.ge_u (i32.sub (local.get $stop) (local.get $p)) (i32.const 16))
              (then
                (local.set $h1 (call $mix1 (local.get $h1) (local.get $h2) (local.get $w1)))
                (local.set $h2 (call $mix2 (local.get $h2) (local.get $h1) (local.get $w2)))
                (local.set $length (i64.add (local.get $length) (i64.const 16)))
                (local.set $p (i32.add (local.get $p) (i32.const 16)))
                (br $next)))
            (local.set $n (i32.const 16)))
          (else
            (local.set $n (i32.ctz (local.get $newlines)))))

        (if (i32.ge_u (local.get $n) (i32.sub (local.get $stop) (local.get $p)))
          (then
            ;; The row goes on after $stop: keep what is left of it, which is less than 16 bytes.
            (i64.store offset=0 (global.get $carry) (local.get $w1))
            (i64.store offset=8 (global.get $carry) (local.get $w2))
            (global.set $carried (i32.sub (local.get $stop) (local.get $p)))
            (br $done)))

        (call $end_row
          (local.get $h1) (local.get $h2) (local.get $length)
          (local.get $w1) (local.get $w2) (local.get $n))
        (local.set $h1 (i64.const 0x6f707331))
        (local.set $h2 (i64.const 0x6f707331))
        (local.set $length (i64.const 0))
        (local.set $p (i32.add (i32.add (local.get $p) (local.get $n)) (i32.const 1)))
        (br $next)))

    (global.set $h1 (local.get $h1))
    (global.set $h2 (local.get $h2))
    (global.set $length (local.get $length)))

  ;; Adds bytes to those in `carry` until there are 16, or the row or the input ends. Returns where it stopped.
  (func $refill (param $p i32) (param $stop i32) (result i32)
    (local $byte i32)
    (loop $next
      (if (i32.ge_u (local.get $p) (local.get $stop))
        (then (return (local.get $p))))
      (local.set $byte (i32.load8_u (local.get $p)))
      (local.set $p (i32.add (local.get $p) (i32.const 1)))
      (if (i32.eq (local.get $byte) (i32.const 10))
        (then
          (call $end_row
            (global.get $h1) (global.get $h2) (global.get $length)
            (i64.load offset=0 (global.get $carry)) (i64.load offset=8 (global.get $carry))
            (global.get $carried))
          (call $start_row)
          (return (local.get $p))))
      (i32.store8 (i32.add (global.get $carry) (global.get $carried)) (local.get $byte))
      (global.set $carried (i32.add (global.get $carried) (i32.const 1)))
      (br_if $next (i32.lt_u (global.get $carried) (i32.const 16))))
    (global.set $h1 (call $mix1 (global.get $h1) (global.get $h2) (i64.load offset=0 (global.get $carry))))
    (global.set $h2 (call $mix2 (global.get $h2) (global.get $h1) (i64.load offset=8 (global.get $carry))))
    (global.set $length (i64.add (global.get $length) (i64.const 16)))
    (global.set $carried (i32.const 0))
    (local.get $p))

  ;; The row ends with the first $n bytes (0 to 15) of $w1 and $w2, after $length bytes hashed into $h1 and $h2.
  (func $end_row
    (param $h1 i64) (param $h2 i64) (param $length i64)
    (param $w1 i64) (param $w2 i64) (param $n i32)
    (if (i32.lt_u (local.get $n) (i32.const 8))
      (then
        (local.set $w1 (i64.and (local.get $w1) (call $low_bytes (local.get $n))))
        (local.set $w2 (i64.const 0)))
      (else
        (local.set $w2
          (i64.and (local.get $w2) (call $low_bytes (i32.sub (local.get $n) (i32.const 8)))))))
    (local.set $length (i64.add (local.get $length) (i64.extend_i32_u (local.get $n))))

    (if (global.get $end_lines)
      (then
        (global.set $end_lines (i32.add (global.get $end_lines) (i32.const 1)))
        (global.set $end_bytes (i64.add (global.get $end_bytes) (local.get $length)))
        (return)))
    ;; `\.` ends the rows.
    (if (i32.and
          (i64.eq (local.get $length) (i64.const 2))
          (i64.eq (local.get $w1) (i64.const 0x2e5c)))
      (then
        (global.set $end_lines (i32.const 1))
        (return)))

    (local.set $h1 (i64.xor (i64.xor (local.get $h1) (call $scatter1 (local.get $w1))) (local.get $length)))
    (local.set $h2 (i64.xor (i64.xor (local.get $h2) (call $scatter2 (local.get $w2))) (local.get $length)))
    (local.set $h1 (i64.add (local.get $h1) (local.get $h2)))
    (local.set $h2 (i64.add (local.get $h2) (local.get $h1)))
    (local.set $h1 (call $avalanche (local.get $h1)))
    (local.set $h2 (call $avalanche (local.get $h2)))
    (local.set $h1 (i64.add (local.get $h1) (local.get $h2)))
    (local.set $h2 (i64.add (local.get $h2) (local.get $h1)))
    (global.set $sum1 (i64.add (global.get $sum1) (local.get $h1)))
    (global.set $sum2 (i64.add (global.get $sum2) (local.get $h2)))
    (global.set $rows (i64.add (global.get $rows) (i64.const 1)))
    (global.set $bytes (i64.add (global.get $bytes) (i64.add (local.get $length) (i64.const 1)))))

  ;; A mask of the lowest $n bytes, $n from 0 to 7.
  (func $low_bytes (param $n i32) (result i64)
    (i64.sub
      (i64.shl (i64.const 1) (i64.extend_i32_u (i32.shl (local.get $n) (i32.const 3))))
      (i64.const 1)))

  ;; MurmurHash3_x64_128: what a word is turned into before it enters the state, per half.
  (func $scatter1 (param $w i64) (result i64)
    (i64.mul
      (i64.rotl (i64.mul (local.get $w) (i64.const 0x87c37b91114253d5)) (i64.const 31))
      (i64.const 0x4cf5ad432745937f)))
  (func $scatter2 (param $w i64) (result i64)
    (i64.mul
      (i64.rotl (i64.mul (local.get $w) (i64.const 0x4cf5ad432745937f)) (i64.const 33))
      (i64.const 0x87c37b91114253d5)))

  ;; MurmurHash3_x64_128: the state's halves after a word each.
  (func $mix1 (param $h1 i64) (param $h2 i64) (param $w i64) (result i64)
    (i64.add
      (i64.mul
        (i64.add
          (i64.rotl (i64.xor (local.get $h1) (call $scatter1 (local.get $w))) (i64.const 27))
          (local.get $h2))
        (i64.const 5))
      (i64.const 0x52dce729)))
  (func $mix2 (param $h2 i64) (param $h1 i64) (param $w i64) (result i64)
    (i64.add
      (i64.mul
        (i64.add
          (i64.rotl (i64.xor (local.get $h2) (call $scatter2 (local.get $w))) (i64.const 31))
          (local.get $h1))
        (i64.const 5))
      (i64.const 0x38495ab5)))

  ;; MurmurHash3: fmix64.
  (func $avalanche (param $h i64) (result i64)
    (local.set $h (i64.xor (local.get $h) (i64.shr_u (local.get $h) (i64.const 33))))
    (local.set $h (i64.mul (local.get $h) (i64.const 0xff51afd7ed558ccd)))
    (local.set $h (i64.xor (local.get $h) (i64.shr_u (local.get $h) (i64.const 33))))
    (local.set $h (i64.mul (local.get $h) (i64.const 0xc4ceb9fe1a85ec53)))
    (i64.xor (local.get $h) (i64.shr_u (local.get $h) (i64.const 33)))))
