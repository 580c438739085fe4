//! Vectors of 32-bit words, one word per lane.
//!
//! Each method compiles to a few instructions. It may only be called from functions that are
//! compiled for the processor features named by the type; [`super::Kernels`] makes sure that
//! such functions run only on processors with these features.

use std::arch::asm;
use std::arch::x86_64::*;

use super::Block;

/// Words of the first half of a block.
const HALF: usize = 8;
/// Blocks that are prefetched: usually another core has read them.
const AHEAD: usize = 8;

/// One 32-bit word of each lane.
///
/// # Safety
/// The methods may only run on processors with the features named by the type.
pub(super) trait Vector: Copy {
    /// Number of lanes.
    const LANES: usize;
    /// The same word in every lane.
    unsafe fn splat(word: u32) -> Self;
    /// Sum modulo 2³².
    unsafe fn add(self, other: Self) -> Self;
    /// Rotates to the left; `RIGHT` is 32 - `LEFT`.
    unsafe fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self;
    /// Shifts to the right and fills with zeros.
    unsafe fn shift<const RIGHT: u32>(self) -> Self;
    /// `x ^ y ^ z`.
    unsafe fn xor(x: Self, y: Self, z: Self) -> Self;
    /// `x ? y : z`, bit by bit.
    unsafe fn choose(x: Self, y: Self, z: Self) -> Self;
    /// The majority of three, bit by bit.
    unsafe fn majority(x: Self, y: Self, z: Self) -> Self;
    /// `y ^ (x | !z)`, the function of MD5's last round.
    unsafe fn i(x: Self, y: Self, z: Self) -> Self;
    /// Keeps the compiler from adding up a sum in another order, which would make the rounds
    /// wait longer.
    unsafe fn keep(self) -> Self;
    /// Swaps the bytes of each word.
    unsafe fn swap_bytes(self) -> Self;
    /// Loads one word per lane from a slice.
    unsafe fn load(words: &[u32]) -> Self;
    /// Stores one word per lane to a slice.
    unsafe fn store(self, words: &mut [u32]);
    /// Loads one block per lane as sixteen little-endian words.
    unsafe fn load_blocks(blocks: &[&[Block]], index: usize) -> [Self; 16];
}

/// Eight lanes. Needs AVX2.
#[derive(Clone, Copy)]
pub(super) struct Avx8(__m256i);

/// Eight lanes. Needs AVX-512VL.
#[derive(Clone, Copy)]
pub(super) struct Vl8(__m256i);

/// Sixteen lanes. Needs AVX-512F, VL and BW.
#[derive(Clone, Copy)]
pub(super) struct F16(__m512i);

/// Operations that AVX-512 has as one instruction: rotations, and any function of three words by
/// its truth table, whose bits are indexed by those of x (4), y (2) and z (1).
macro_rules! one_instruction {
    ($rotate:ident, $function:ident) => {
        #[inline(always)]
        unsafe fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self {
            unsafe { Self($rotate::<LEFT>(self.0)) }
        }
        #[inline(always)]
        unsafe fn xor(x: Self, y: Self, z: Self) -> Self {
            unsafe { Self($function::<0x96>(x.0, y.0, z.0)) }
        }
        #[inline(always)]
        unsafe fn choose(x: Self, y: Self, z: Self) -> Self {
            unsafe { Self($function::<0xca>(x.0, y.0, z.0)) }
        }
        #[inline(always)]
        unsafe fn majority(x: Self, y: Self, z: Self) -> Self {
            unsafe { Self($function::<0xe8>(x.0, y.0, z.0)) }
        }
        #[inline(always)]
        unsafe fn i(x: Self, y: Self, z: Self) -> Self {
            unsafe { Self($function::<0x39>(x.0, y.0, z.0)) }
        }
    };
}

/// The operations that both vectors of 256 bits share: all but rotations and functions of three
/// words.
macro_rules! eight_lanes {
    () => {
        const LANES: usize = 8;

        #[inline(always)]
        unsafe fn splat(word: u32) -> Self {
            unsafe { Self(_mm256_set1_epi32(word.cast_signed())) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            unsafe { Self(_mm256_add_epi32(self.0, other.0)) }
        }
        #[inline(always)]
        unsafe fn shift<const RIGHT: u32>(self) -> Self {
            let by = unsafe { _mm_cvtsi32_si128(RIGHT.cast_signed()) };
            unsafe { Self(_mm256_srl_epi32(self.0, by)) }
        }
        #[inline(always)]
        unsafe fn swap_bytes(self) -> Self {
            unsafe {
                let order = _mm256_broadcastsi128_si256(byte_order());
                Self(_mm256_shuffle_epi8(self.0, order))
            }
        }
        #[inline(always)]
        unsafe fn load(words: &[u32]) -> Self {
            let words: &[u32; 8] = words.try_into().expect("eight lanes");
            unsafe { Self(_mm256_loadu_si256(words.as_ptr().cast())) }
        }
        #[inline(always)]
        unsafe fn store(self, words: &mut [u32]) {
            let words: &mut [u32; 8] = words.try_into().expect("eight lanes");
            unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), self.0) };
        }
        #[inline(always)]
        unsafe fn load_blocks(blocks: &[&[Block]], index: usize) -> [Self; 16] {
            let words = unsafe { transposed(blocks, index) };
            let mut vectors = [Self(words[0]); 16];
            for (vector, words) in vectors.iter_mut().zip(words) {
                *vector = Self(words);
            }
            vectors
        }
    };
}

/// Emits no instruction, but makes a vector opaque to the compiler.
macro_rules! opaque {
    ($name:ident, $vector:ty, $register:ident $comment:literal, $features:literal) => {
        #[inline]
        #[target_feature(enable = $features)]
        fn $name(vector: $vector) -> $vector {
            let mut opaque = vector;
            // SAFETY: it contains no instruction.
            unsafe {
                asm!($comment, inout($register) opaque, options(pure, nomem, nostack, preserves_flags));
            }
            opaque
        }
    };
}
opaque!(opaque_of_sixteen, __m256i, ymm_reg "/* {0:y} */", "avx2");
// One of 32 registers, by the name of its widest form.
opaque!(opaque_of_32, __m256i, zmm_reg "/* {0:y} */", "avx2,avx512f,avx512vl");
opaque!(opaque_wide, __m512i, zmm_reg "/* {0:z} */", "avx512f");

impl Vector for Avx8 {
    eight_lanes!();

    #[inline(always)]
    unsafe fn keep(self) -> Self {
        unsafe { Avx8(opaque_of_sixteen(self.0)) }
    }

    #[inline(always)]
    unsafe fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self {
        unsafe {
            let (left, right) = (
                _mm256_slli_epi32::<LEFT>(self.0),
                _mm256_srli_epi32::<RIGHT>(self.0),
            );
            Avx8(_mm256_or_si256(left, right))
        }
    }
    #[inline(always)]
    unsafe fn xor(x: Self, y: Self, z: Self) -> Self {
        unsafe { Avx8(_mm256_xor_si256(x.0, _mm256_xor_si256(y.0, z.0))) }
    }
    #[inline(always)]
    unsafe fn choose(x: Self, y: Self, z: Self) -> Self {
        unsafe {
            let chosen = _mm256_and_si256(x.0, _mm256_xor_si256(y.0, z.0));
            Avx8(_mm256_xor_si256(z.0, chosen))
        }
    }
    #[inline(always)]
    unsafe fn majority(x: Self, y: Self, z: Self) -> Self {
        unsafe {
            let differ = _mm256_and_si256(_mm256_xor_si256(x.0, y.0), _mm256_xor_si256(y.0, z.0));
            Avx8(_mm256_xor_si256(y.0, differ))
        }
    }
    #[inline(always)]
    unsafe fn i(x: Self, y: Self, z: Self) -> Self {
        unsafe {
            let not_z = _mm256_xor_si256(z.0, _mm256_set1_epi32(-1));
            Avx8(_mm256_xor_si256(y.0, _mm256_or_si256(x.0, not_z)))
        }
    }
}

impl Vector for Vl8 {
    eight_lanes!();
    one_instruction!(_mm256_rol_epi32, _mm256_ternarylogic_epi32);

    #[inline(always)]
    unsafe fn keep(self) -> Self {
        unsafe { Vl8(opaque_of_32(self.0)) }
    }
}

impl Vector for F16 {
    const LANES: usize = 16;
    one_instruction!(_mm512_rol_epi32, _mm512_ternarylogic_epi32);

    #[inline(always)]
    unsafe fn splat(word: u32) -> Self {
        unsafe { F16(_mm512_set1_epi32(word.cast_signed())) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { F16(_mm512_add_epi32(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn keep(self) -> Self {
        unsafe { F16(opaque_wide(self.0)) }
    }
    #[inline(always)]
    unsafe fn shift<const RIGHT: u32>(self) -> Self {
        unsafe { F16(_mm512_srli_epi32::<RIGHT>(self.0)) }
    }
    #[inline(always)]
    unsafe fn swap_bytes(self) -> Self {
        unsafe {
            let order = _mm512_broadcast_i32x4(byte_order());
            F16(_mm512_shuffle_epi8(self.0, order))
        }
    }
    #[inline(always)]
    unsafe fn load(words: &[u32]) -> Self {
        let words: &[u32; 16] = words.try_into().expect("sixteen lanes");
        unsafe { F16(_mm512_loadu_si512(words.as_ptr().cast())) }
    }
    #[inline(always)]
    unsafe fn store(self, words: &mut [u32]) {
        let words: &mut [u32; 16] = words.try_into().expect("sixteen lanes");
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), self.0) };
    }
    #[inline(always)]
    unsafe fn load_blocks(blocks: &[&[Block]], index: usize) -> [Self; 16] {
        unsafe {
            let low = transposed(&blocks[..8], index);
            let high = transposed(&blocks[8..], index);
            let mut vectors = [F16(_mm512_setzero_si512()); 16];
            for (vector, (low, high)) in vectors.iter_mut().zip(low.into_iter().zip(high)) {
                *vector = F16(_mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high));
            }
            vectors
        }
    }
}

/// The shuffle that swaps the bytes of each of four words.
#[inline(always)]
unsafe fn byte_order() -> __m128i {
    unsafe { _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3) }
}

/// Loads one block of each of eight inputs, transposed: the first vector holds the first word of
/// each input, and so on.
#[inline(always)]
unsafe fn transposed(blocks: &[&[Block]], index: usize) -> [__m256i; 16] {
    let blocks: &[&[Block]; 8] = blocks.try_into().expect("eight lanes");
    for lane in blocks {
        // An address past the end does no harm: it is only a hint.
        let ahead = lane.as_ptr().wrapping_add(index + AHEAD);
        unsafe { _mm_prefetch::<_MM_HINT_T0>(ahead.cast()) };
    }
    let mut vectors = [unsafe { _mm256_setzero_si256() }; 16];
    for half in [0, 1] {
        let mut rows = [unsafe { _mm256_setzero_si256() }; 8];
        for (row, blocks) in rows.iter_mut().zip(blocks) {
            let bytes: &[[u8; 32]] = blocks[index].as_chunks().0;
            *row = unsafe { _mm256_loadu_si256(bytes[half].as_ptr().cast()) };
        }
        vectors[half * HALF..][..HALF].copy_from_slice(&unsafe { transpose(rows) });
    }
    vectors
}

/// Transposes eight rows of eight words.
#[inline(always)]
unsafe fn transpose(rows: [__m256i; 8]) -> [__m256i; 8] {
    unsafe {
        let [a, b, c, d, e, f, g, h] = rows;
        let (ab, ab2) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
        let (cd, cd2) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
        let (ef, ef2) = (_mm256_unpacklo_epi32(e, f), _mm256_unpackhi_epi32(e, f));
        let (gh, gh2) = (_mm256_unpacklo_epi32(g, h), _mm256_unpackhi_epi32(g, h));
        let fours = [(ab, cd, ef, gh), (ab2, cd2, ef2, gh2)];
        let mut columns = [a; 8];
        for (pair, (ab, cd, ef, gh)) in fours.into_iter().enumerate() {
            let (low, high) = (_mm256_unpacklo_epi64(ab, cd), _mm256_unpacklo_epi64(ef, gh));
            let (low2, high2) = (_mm256_unpackhi_epi64(ab, cd), _mm256_unpackhi_epi64(ef, gh));
            columns[2 * pair] = _mm256_permute2x128_si256::<0x20>(low, high);
            columns[2 * pair + 1] = _mm256_permute2x128_si256::<0x20>(low2, high2);
            columns[2 * pair + 4] = _mm256_permute2x128_si256::<0x31>(low, high);
            columns[2 * pair + 5] = _mm256_permute2x128_si256::<0x31>(low2, high2);
        }
        columns
    }
}
