/* The proof of work that opens a web conversation, off the page's own thread so a slow phone stays usable.

   In: an ALTCHA v2 challenge whose algorithm is "SHA-256" with a 32-byte key, as Python's
   altcha.create_challenge("SHA-256", cost=…, counter=…, hmac_secret=…) makes it. Out: the base64 payload.
   SHA-256 is written out because crypto.subtle is missing on plain http, where a small office may
   run this; every input (36 bytes first, then 32) fits one block, so one block is all there is. */
"use strict";

const ROUND = new Uint32Array(64);
const START = new Uint32Array(8);

/* The constants are the fractions of cube and square roots of the first primes (FIPS 180-4, 4.2.2 and 5.3.3). */
(function constants() {
  const fraction = (root) => ((root - Math.floor(root)) * 2 ** 32) >>> 0;
  for (let n = 2, found = 0; found < 64; n += 1) {
    let prime = true;
    for (let d = 2; d * d <= n; d += 1) if (n % d === 0) prime = false;
    if (!prime) continue;
    if (found < 8) START[found] = fraction(Math.sqrt(n));
    ROUND[found] = fraction(Math.cbrt(n));
    found += 1;
  }
})();

const w = new Uint32Array(64);

/* Hash the block standing in w[0..15] (padding included) into out[0..7]. */
function hashBlock(out) {
  for (let i = 16; i < 64; i += 1) {
    const x = w[i - 15];
    const y = w[i - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = START;
  for (let i = 0; i < 64; i += 1) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUND[i] + w[i]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
  }
  const sums = [a, b, c, d, e, f, g, h];
  for (let i = 0; i < 8; i += 1) out[i] = START[i] + sums[i];
}

/* Put `words` into w as one padded block of `bits` bits. */
function fill(words, bits) {
  w.fill(0, 0, 16);
  w.set(words);
  w[words.length] = 0x80000000;
  w[15] = bits;
}

function hexToWords(hex) {
  if (!/^[0-9a-f]{32}$/i.test(hex)) throw new Error("salt and nonce must be 16 bytes");
  return hex.match(/.{8}/g).map((part) => parseInt(part, 16));
}

const toHex = (words) => Array.from(words, (word) => word.toString(16).padStart(8, "0")).join("");

function solve(challenge) {
  const { algorithm, salt, nonce, cost, keyPrefix, keyLength } = challenge.parameters;
  if (algorithm !== "SHA-256" || keyLength !== 32) throw new Error(`cannot solve ${algorithm}`);
  const head = hexToWords(salt).concat(hexToWords(nonce));
  const started = Date.now();
  const key = new Uint32Array(8);
  const wanted = keyPrefix.toLowerCase();
  for (let counter = 0; counter < 2 ** 32; counter += 1) {
    fill(head.concat(counter), 36 * 8);
    hashBlock(key);
    for (let i = 1; i < cost; i += 1) {
      fill(key, 32 * 8);
      hashBlock(key);
    }
    const derivedKey = toHex(key);
    if (derivedKey.startsWith(wanted)) return { counter, derivedKey, time: Date.now() - started };
  }
  throw new Error("no solution");
}

self.onmessage = ({ data: challenge }) => {
  try {
    self.postMessage({ payload: btoa(JSON.stringify({ challenge, solution: solve(challenge) })) });
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
};
