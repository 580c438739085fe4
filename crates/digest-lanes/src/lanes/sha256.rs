//! SHA-256's compression of several lanes at once (FIPS 180-4, 6.2.2).

use super::Block;
use super::vector::Vector;

/// The constants K of FIPS 180-4, 4.2.2.
#[rustfmt::skip]
pub(super) const PRIMES: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

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
    states: &mut [[u32; 16]; 8],
    inputs: &[&[Block]],
    num_blocks: usize,
) {
    let mut state = [unsafe { V::splat(0) }; 8];
    for (vector, words) in state.iter_mut().zip(states.iter()) {
        *vector = unsafe { V::load(&words[..V::LANES]) };
    }
    for index in 0..num_blocks {
        let mut words = unsafe { V::load_blocks(inputs, index) };
        for word in &mut words {
            *word = unsafe { word.swap_bytes() };
        }
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
        // A step waits for a rotation, an exclusive or and one sum of the step before; the rest
        // is added up in parallel. This costs one sum more, but saves a quarter of the time on
        // processors whose vector instructions take two cycles.
        macro_rules! step {
            ($a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident,
             $word:literal, $from:expr) => {
                let keyed = V::add(words[$word], V::splat(PRIMES[$from + $word]));
                let keyed = V::add($h, keyed).keep();
                let early = V::add(keyed, V::choose($e, $f, $g)).keep();
                let sum = V::xor(
                    $e.rotate::<26, 6>(),
                    $e.rotate::<21, 11>(),
                    $e.rotate::<7, 25>(),
                );
                let late = V::add(V::add(early, sum), V::majority($a, $b, $c)).keep();
                $d = V::add(V::add($d, early).keep(), sum);
                let sum = V::xor(
                    $a.rotate::<30, 2>(),
                    $a.rotate::<19, 13>(),
                    $a.rotate::<10, 22>(),
                );
                $h = V::add(late, sum);
            };
        }
        macro_rules! eight_steps {
            ($w0:literal $w1:literal $w2:literal $w3:literal $w4:literal $w5:literal $w6:literal
             $w7:literal, $from:expr) => {
                step!(a b c d e f g h, $w0, $from);
                step!(h a b c d e f g, $w1, $from);
                step!(g h a b c d e f, $w2, $from);
                step!(f g h a b c d e, $w3, $from);
                step!(e f g h a b c d, $w4, $from);
                step!(d e f g h a b c, $w5, $from);
                step!(c d e f g h a b, $w6, $from);
                step!(b c d e f g h a, $w7, $from);
            };
        }
        // The words of the schedule replace those they are computed from.
        macro_rules! schedule {
            ($($word:literal)*) => { $(
                let (old, new) = (words[($word + 1) % 16], words[($word + 14) % 16]);
                let old = V::xor(old.rotate::<25, 7>(), old.rotate::<14, 18>(), old.shift::<3>());
                let new = V::xor(new.rotate::<15, 17>(), new.rotate::<13, 19>(), new.shift::<10>());
                let sum = V::add(words[$word], words[($word + 9) % 16]);
                words[$word] = V::add(V::add(sum, old), new);
            )* };
        }
        unsafe {
            eight_steps!(0 1 2 3 4 5 6 7, 0);
            eight_steps!(8 9 10 11 12 13 14 15, 0);
            for from in [16, 32, 48] {
                schedule!(0 1 2 3 4 5 6 7);
                eight_steps!(0 1 2 3 4 5 6 7, from);
                schedule!(8 9 10 11 12 13 14 15);
                eight_steps!(8 9 10 11 12 13 14 15, from);
            }
            for (vector, word) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
                *vector = vector.add(word);
            }
        }
    }
    for (vector, words) in state.into_iter().zip(states) {
        unsafe { vector.store(&mut words[..V::LANES]) };
    }
}
