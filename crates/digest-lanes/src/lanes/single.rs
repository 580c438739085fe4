//! One or two streams: MD5 in plain registers with a short chain of steps, and SHA-256 with the
//! SHA instructions, two streams interleaved.

use std::arch::x86_64::*;

use super::Block;
use super::md5::{SINES, round};
use super::sha256::PRIMES;

/// Keeps the compiler from reordering a sum.
///
/// Each step of MD5 waits for the one before. Compilers tend to add in an order that makes this
/// wait longer; with this function MD5 is a quarter faster.
#[inline(always)]
fn keep(sum: u32) -> u32 {
    let mut opaque = sum;
    // SAFETY: it contains no instruction.
    unsafe {
        std::arch::asm!("/* {0:e} */", inout(reg) opaque, options(pure, nomem, nostack, preserves_flags));
    }
    opaque
}

/// Hashes blocks into a state of MD5.
pub(super) fn md5(state: &mut [u32; 4], blocks: &[Block]) {
    for block in blocks {
        let mut words = [0; 16];
        for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        let [mut a, mut b, mut c, mut d] = *state;
        macro_rules! step {
            ($sum:expr, $function:expr, $a:ident $b:ident, $by:literal) => {
                $a = keep($sum)
                    .wrapping_add($function)
                    .rotate_left($by)
                    .wrapping_add($b);
            };
        }
        macro_rules! sum {
            ($a:ident, $word:expr, $index:expr) => {
                $a.wrapping_add(words[$word]).wrapping_add(SINES[$index])
            };
        }
        macro_rules! f {
            ($a:ident $b:ident $c:ident $d:ident, $word:expr, $index:expr, $by:literal) => {
                step!(sum!($a, $word, $index), (($c ^ $d) & $b) ^ $d, $a $b, $by);
            };
        }
        // The two parts have no bit in common, so one can be added before b is known.
        macro_rules! g {
            ($a:ident $b:ident $c:ident $d:ident, $word:expr, $index:expr, $by:literal) => {
                let early = sum!($a, $word, $index).wrapping_add(!$d & $c);
                step!(early, $d & $b, $a $b, $by);
            };
        }
        macro_rules! h {
            ($a:ident $b:ident $c:ident $d:ident, $word:expr, $index:expr, $by:literal) => {
                step!(sum!($a, $word, $index), keep($c ^ $d) ^ $b, $a $b, $by);
            };
        }
        macro_rules! i {
            ($a:ident $b:ident $c:ident $d:ident, $word:expr, $index:expr, $by:literal) => {
                step!(sum!($a, $word, $index), $c ^ ($b | !$d), $a $b, $by);
            };
        }
        round!(f, a b c d, 0, 0 + 1, 7 12 17 22);
        round!(g, a b c d, 16, 1 + 5, 5 9 14 20);
        round!(h, a b c d, 32, 5 + 3, 4 11 16 23);
        round!(i, a b c d, 48, 0 + 7, 6 10 15 21);
        for (word, sum) in state.iter_mut().zip([a, b, c, d]) {
            *word = word.wrapping_add(sum);
        }
    }
}

/// Interleaved streams. Each instruction waits for the previous one of its stream; more than two
/// streams gain nothing.
pub(super) const INTERLEAVED: usize = 2;

/// Hashes blocks into two states of SHA-256.
///
/// The words of a state are ordered as the instructions need them, ABEF and CDGH. Source:
/// Intel, "New Instructions Supporting the Secure Hash Algorithm on Intel Architecture
/// Processors", 2013.
///
/// # Panics
/// If the inputs differ in length.
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
pub(super) fn sha256(states: &mut [[u32; 8]; INTERLEAVED], inputs: [&[Block]; INTERLEAVED]) {
    assert_eq!(inputs[0].len(), inputs[1].len());
    let mut abef = [_mm_setzero_si128(); INTERLEAVED];
    let mut cdgh = abef;
    for stream in 0..INTERLEAVED {
        let [cdab, efgh] = load(&states[stream]);
        let cdab = _mm_shuffle_epi32::<0xb1>(cdab);
        let efgh = _mm_shuffle_epi32::<0x1b>(efgh);
        abef[stream] = _mm_alignr_epi8::<8>(cdab, efgh);
        cdgh[stream] = _mm_blend_epi16::<0xf0>(efgh, cdab);
    }
    for (first, second) in inputs[0].iter().zip(inputs[1]) {
        let (abef_before, cdgh_before) = (abef, cdgh);
        let mut words = [big_endian(first), big_endian(second)];
        macro_rules! four_steps {
            ($quad:expr, $place:literal) => {
                let keys = key(4 * $quad);
                for stream in 0..INTERLEAVED {
                    let sum = _mm_add_epi32(words[stream][$place], keys);
                    cdgh[stream] = _mm_sha256rnds2_epu32(cdgh[stream], abef[stream], sum);
                    let sum = _mm_shuffle_epi32::<0x0e>(sum);
                    abef[stream] = _mm_sha256rnds2_epu32(abef[stream], cdgh[stream], sum);
                }
            };
        }
        // The new words of the schedule replace the oldest.
        macro_rules! schedule {
            ($oldest:literal $second:literal $third:literal $newest:literal) => {
                for words in &mut words {
                    let sum = _mm_sha256msg1_epu32(words[$oldest], words[$second]);
                    let middle = _mm_alignr_epi8::<4>(words[$newest], words[$third]);
                    words[$oldest] =
                        _mm_sha256msg2_epu32(_mm_add_epi32(sum, middle), words[$newest]);
                }
            };
        }
        four_steps!(0, 0);
        four_steps!(1, 1);
        four_steps!(2, 2);
        four_steps!(3, 3);
        macro_rules! sixteen_steps {
            ($quad:literal) => {
                schedule!(0 1 2 3);
                four_steps!($quad, 0);
                schedule!(1 2 3 0);
                four_steps!($quad + 1, 1);
                schedule!(2 3 0 1);
                four_steps!($quad + 2, 2);
                schedule!(3 0 1 2);
                four_steps!($quad + 3, 3);
            };
        }
        sixteen_steps!(4);
        sixteen_steps!(8);
        sixteen_steps!(12);
        for stream in 0..INTERLEAVED {
            abef[stream] = _mm_add_epi32(abef[stream], abef_before[stream]);
            cdgh[stream] = _mm_add_epi32(cdgh[stream], cdgh_before[stream]);
        }
    }
    for stream in 0..INTERLEAVED {
        let feba = _mm_shuffle_epi32::<0x1b>(abef[stream]);
        let dchg = _mm_shuffle_epi32::<0xb1>(cdgh[stream]);
        let abcd = _mm_blend_epi16::<0xf0>(feba, dchg);
        let efgh = _mm_alignr_epi8::<8>(dchg, feba);
        store(&mut states[stream], [abcd, efgh]);
    }
}

/// Four constants.
#[inline]
#[target_feature(enable = "sse2")]
fn key(from: usize) -> __m128i {
    let keys: &[u32; 4] = PRIMES[from..].first_chunk().expect("four of each row");
    // SAFETY: reads 16 bytes of an array of 16.
    unsafe { _mm_loadu_si128(keys.as_ptr().cast()) }
}

/// The sixteen big-endian words of a block.
#[inline]
#[target_feature(enable = "sse2,ssse3")]
fn big_endian(block: &Block) -> [__m128i; 4] {
    let order = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    let mut words = [order; 4];
    let quarters: &[[u8; 16]] = block.as_chunks().0;
    for (words, bytes) in words.iter_mut().zip(quarters) {
        // SAFETY: reads 16 bytes of an array of 16.
        let bytes = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
        *words = _mm_shuffle_epi8(bytes, order);
    }
    words
}

#[inline]
#[target_feature(enable = "sse2")]
fn load(state: &[u32; 8]) -> [__m128i; 2] {
    let halves: &[[u32; 4]] = state.as_chunks().0;
    // SAFETY: reads 16 bytes of an array of 16, twice.
    unsafe { [0, 1].map(|half| _mm_loadu_si128(halves[half].as_ptr().cast())) }
}

#[inline]
#[target_feature(enable = "sse2")]
fn store(state: &mut [u32; 8], words: [__m128i; 2]) {
    let halves: &mut [[u32; 4]] = state.as_chunks_mut().0;
    for (half, words) in halves.iter_mut().zip(words) {
        // SAFETY: writes 16 bytes to an array of 16.
        unsafe { _mm_storeu_si128(half.as_mut_ptr().cast(), words) };
    }
}
