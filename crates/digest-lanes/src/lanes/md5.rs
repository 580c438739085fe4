//! MD5's compression of several lanes at once (RFC 1321).

use super::Block;
use super::vector::Vector;

/// The table T of RFC 1321, 3.4: `floor(2³² · |sin(i + 1)|)`.
#[rustfmt::skip]
pub(super) const SINES: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

/// Sixteen steps, given by the first step, the word of the first step, the distance to the word
/// of the next one, and the four rotations. `$step` gets the four registers, the word, the step
/// and the rotation to the left and to the right.
macro_rules! round {
    ($step:ident, $a:ident $b:ident $c:ident $d:ident, $from:literal, $first:literal + $by:literal,
     $s0:literal $s1:literal $s2:literal $s3:literal) => {
        $crate::lanes::md5::round!(@ $step, $a $b $c $d, $from, $first, $by, $s0 $s1 $s2 $s3;
            0 1 2 3)
    };
    (@ $step:ident, $a:ident $b:ident $c:ident $d:ident, $from:literal, $first:literal, $by:literal,
     $s0:literal $s1:literal $s2:literal $s3:literal; $($quad:literal)*) => { $(
        $step!($a $b $c $d, ($first + $by * ($quad * 4)) % 16, $from + $quad * 4, $s0);
        $step!($d $a $b $c, ($first + $by * ($quad * 4 + 1)) % 16, $from + $quad * 4 + 1, $s1);
        $step!($c $d $a $b, ($first + $by * ($quad * 4 + 2)) % 16, $from + $quad * 4 + 2, $s2);
        $step!($b $c $d $a, ($first + $by * ($quad * 4 + 3)) % 16, $from + $quad * 4 + 3, $s3);
    )* };
}
pub(super) use round;

/// Hashes `num_blocks` blocks of every lane into the states.
///
/// `states` holds the first word of every lane, then the second of every lane and so on.
///
/// # Safety
/// The processor has the features that `V` needs.
///
/// # Panics
/// Unless there is one input of at least `num_blocks` blocks for each lane.
#[inline(always)]
pub(super) unsafe fn compress<V: Vector>(
    states: &mut [[u32; 16]; 4],
    inputs: &[&[Block]],
    num_blocks: usize,
) {
    let mut state = [unsafe { V::splat(0) }; 4];
    for (vector, words) in state.iter_mut().zip(states.iter()) {
        *vector = unsafe { V::load(&words[..V::LANES]) };
    }
    for index in 0..num_blocks {
        let words = unsafe { V::load_blocks(inputs, index) };
        let [mut a, mut b, mut c, mut d] = state;
        // The sum without the function of b is ready early, so the longest chain of a step
        // is function, sum, rotation, sum.
        macro_rules! step {
            ($function:expr, $a:ident $b:ident, $word:expr, $index:expr, $by:literal) => {
                let sum = V::add($a, V::add(words[$word], V::splat(SINES[$index]))).keep();
                $a = V::add(sum, $function).rotate::<$by, { 32 - $by }>().add($b);
            };
        }
        macro_rules! f {
            ($a:ident $b:ident $c:ident $d:ident, $word:expr, $index:expr, $by:literal) => {
                step!(V::choose($b, $c, $d), $a $b, $word, $index, $by);
            };
        }
        macro_rules! g {
            ($a:ident $b:ident $c:ident $d:ident, $word:expr, $index:expr, $by:literal) => {
                step!(V::choose($d, $b, $c), $a $b, $word, $index, $by);
            };
        }
        macro_rules! h {
            ($a:ident $b:ident $c:ident $d:ident, $word:expr, $index:expr, $by:literal) => {
                step!(V::xor($b, $c, $d), $a $b, $word, $index, $by);
            };
        }
        macro_rules! i {
            ($a:ident $b:ident $c:ident $d:ident, $word:expr, $index:expr, $by:literal) => {
                step!(V::i($b, $c, $d), $a $b, $word, $index, $by);
            };
        }
        unsafe {
            round!(f, a b c d, 0, 0 + 1, 7 12 17 22);
            round!(g, a b c d, 16, 1 + 5, 5 9 14 20);
            round!(h, a b c d, 32, 5 + 3, 4 11 16 23);
            round!(i, a b c d, 48, 0 + 7, 6 10 15 21);
            state = [
                V::add(state[0], a),
                V::add(state[1], b),
                V::add(state[2], c),
                V::add(state[3], d),
            ];
        }
    }
    for (vector, words) in state.into_iter().zip(states) {
        unsafe { vector.store(&mut words[..V::LANES]) };
    }
}
