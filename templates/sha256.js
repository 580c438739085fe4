// Hashes a file with SHA-256, piece by piece and in a worker, so that zips of gigabytes neither fill
// the memory nor stop the page. WebCrypto cannot: it takes only whole files.
//
// In: a `File`. Out: `{ done }`, the number of bytes after each piece; then `{ sha256 }` or `{ error }`.
"use strict";

const PIECE = 1 << 20;

// The first 32 bits of the fractions of roots of primes (FIPS 180-4, 4.2.2 and 5.3.3).
const fraction = (root) => ((root % 1) * 2 ** 32) | 0;
const primes = [];
for (let n = 2; primes.length < 64; n++) {
  if (primes.every((prime) => n % prime)) primes.push(n);
}
const K = Int32Array.from(primes, (prime) => fraction(Math.cbrt(prime)));
const START = Int32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));

const w = new Int32Array(64);

// Takes all whole blocks of `bytes` into `state`.
function compress(state, bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let at = 0; at + 64 <= bytes.length; at += 64) {
    let a = state[0], b = state[1], c = state[2], d = state[3];
    let e = state[4], f = state[5], g = state[6], h = state[7];
    // One loop of whole numbers of 32 bits: half as fast again as a loop for `w` before that for the rounds.
    for (let i = 0; i < 64; i++) {
      if (i < 16) {
        w[i] = view.getInt32(at + 4 * i);
      } else {
        const x = w[i - 15];
        const y = w[i - 2];
        const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
        const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
        w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
      }
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + (g ^ (e & (f ^ g))) + K[i] + w[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) | (c & (a | b)))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
  }
}

// Returns what follows the last whole block: the bytes left over, a one bit, zeros, and the length.
function ending(rest, length) {
  const end = new Uint8Array(rest.length < 56 ? 64 : 128);
  end.set(rest);
  end[rest.length] = 0x80;
  new DataView(end.buffer).setBigUint64(end.length - 8, BigInt(length) * 8n);
  return end;
}

async function sha256(file, onProgress) {
  const state = START.slice();
  const read = (at) => file.slice(at, at + PIECE).arrayBuffer();
  let next = read(0);
  for (let at = 0; ; at += PIECE) {
    const bytes = new Uint8Array(await next);
    if (bytes.length !== Math.min(PIECE, file.size - at)) throw new Error("the file has changed");
    const isLast = at + PIECE >= file.size;
    // The next piece is read while this one is hashed.
    if (!isLast) next = read(at + PIECE);
    compress(state, bytes);
    onProgress(at + bytes.length);
    if (isLast) {
      compress(state, ending(bytes.subarray(bytes.length & ~63), file.size));
      return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
    }
  }
}

self.onmessage = async ({ data: file }) => {
  try {
    postMessage({ sha256: await sha256(file, (done) => postMessage({ done })) });
  } catch (error) {
    postMessage({ error: error.message });
  }
};
