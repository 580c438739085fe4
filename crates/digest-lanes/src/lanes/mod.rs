//! Compression functions of MD5 and SHA-256 for several streams at once.
//!
//! In: the states of some streams, and the same number of blocks for each. Out: the new states.
//! [`Kernels::detect`] looks at the processor once. Without suitable instructions, the crates
//! `md-5` and `sha2` do the work.
//!
//! This is the only module with `unsafe` code: for instructions that some processors lack, and
//! for loads and stores of vectors. Its interface is safe, because a [`Kernels`] never claims
//! more than the processor has.

#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "vector instructions; the tests compare each kernel with the reference"
    )
)]

#[cfg(target_arch = "x86_64")]
mod md5;
#[cfg(target_arch = "x86_64")]
mod sha256;
#[cfg(target_arch = "x86_64")]
mod single;
#[cfg(target_arch = "x86_64")]
mod vector;

/// A block of both algorithms: 64 bytes.
pub type Block = [u8; 64];

/// The most streams at once.
pub const MAX_LANES: usize = 16;

/// The initial state of MD5 (RFC 1321, 3.3).
pub const MD5_INIT: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// The initial state of SHA-256 (FIPS 180-4, 5.3.3).
pub const SHA256_INIT: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The compression functions that this processor runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kernels {
    /// Eight lanes (AVX2).
    eight: bool,
    /// Eight lanes with fewer instructions (AVX-512F and VL).
    vl: bool,
    /// Sixteen lanes (AVX-512BW as well).
    sixteen: bool,
    /// SHA-256 instructions.
    sha: bool,
}

impl Kernels {
    /// Detects what this processor supports.
    #[must_use]
    pub fn detect() -> Kernels {
        #[cfg(target_arch = "x86_64")]
        {
            let eight = is_x86_feature_detected!("avx2");
            let vl = eight
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl");
            Kernels {
                eight,
                vl,
                sixteen: vl && is_x86_feature_detected!("avx512bw"),
                sha: is_x86_feature_detected!("sha")
                    && is_x86_feature_detected!("sse4.1")
                    && is_x86_feature_detected!("ssse3"),
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        Kernels::default()
    }

    /// Returns the kernels that lesser processors would have, the weakest first, with their
    /// names: for tests and benchmarks.
    #[must_use]
    pub fn subsets(self) -> Vec<(&'static str, Kernels)> {
        let mut all = Vec::new();
        for (name, eight, vl, sixteen, sha) in [
            ("portable", false, false, false, false),
            ("sha", false, false, false, true),
            ("avx2", true, false, false, false),
            ("avx2+sha", true, false, false, true),
            ("avx512vl", true, true, false, false),
            ("avx512vl+sha", true, true, false, true),
            ("avx512bw", true, true, true, false),
            ("avx512bw+sha", true, true, true, true),
        ] {
            let kernels = Kernels {
                eight: self.eight && eight,
                vl: self.vl && vl,
                sixteen: self.sixteen && sixteen,
                sha: self.sha && sha,
            };
            if all.iter().all(|(_, known)| *known != kernels) {
                all.push((name, kernels));
            }
        }
        all
    }

    /// Returns the most streams that are worth hashing together.
    #[must_use]
    pub fn num_lanes(self) -> usize {
        match self {
            Kernels { sixteen: true, .. } => MAX_LANES,
            Kernels { eight: true, .. } => 8,
            Kernels { sha: true, .. } => 2,
            _ => 1,
        }
    }

    /// Returns whether a single stream of SHA-256 is faster in an implementation made for one.
    #[must_use]
    pub fn is_slow_alone(self) -> bool {
        !self.sha
    }

    /// Hashes blocks into states of MD5.
    ///
    /// # Panics
    /// Unless there are as many inputs as states, all of the same length.
    pub fn md5(self, states: &mut [[u32; 4]], inputs: &[&[Block]]) {
        check(states, inputs);
        let (mut states, mut inputs) = (states, inputs);
        while !states.is_empty() {
            let width = self.md5_width(states.len());
            let (now, later) = states.split_at_mut(width.min(states.len()));
            let (blocks, rest) = inputs.split_at(now.len());
            self.md5_of(width, now, blocks);
            (states, inputs) = (later, rest);
        }
    }

    /// Returns how many lanes to use for a number of streams. Sixteen lanes take 1.25 times as
    /// long as eight, and eight take 1.2 to 1.5 times as long as one stream alone.
    fn md5_width(self, num_streams: usize) -> usize {
        match num_streams {
            9.. if self.sixteen => 16,
            2.. if self.eight => 8,
            _ => 1,
        }
    }

    fn md5_of(self, width: usize, states: &mut [[u32; 4]], inputs: &[&[Block]]) {
        #[cfg(target_arch = "x86_64")]
        {
            let num_blocks = inputs[0].len();
            // SAFETY: each width is chosen only if the processor supports it.
            match width {
                16 => in_lanes(states, inputs, |states, inputs| unsafe {
                    md5_16(states, inputs, num_blocks);
                }),
                8 if self.vl => in_lanes(states, inputs, |states, inputs| unsafe {
                    md5_vl(states, &inputs[..8], num_blocks);
                }),
                8 => in_lanes(states, inputs, |states, inputs| unsafe {
                    md5_8(states, &inputs[..8], num_blocks);
                }),
                _ => single::md5(&mut states[0], inputs[0]),
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            debug_assert_eq!(width, 1);
            ::md5::block_api::compress(&mut states[0], inputs[0]);
        }
    }

    /// Hashes blocks into states of SHA-256.
    ///
    /// # Panics
    /// Unless there are as many inputs as states, all of the same length.
    pub fn sha256(self, states: &mut [[u32; 8]], inputs: &[&[Block]]) {
        check(states, inputs);
        let (mut states, mut inputs) = (states, inputs);
        while !states.is_empty() {
            let width = self.sha256_width(states.len());
            let (now, later) = states.split_at_mut(width.min(states.len()));
            let (blocks, rest) = inputs.split_at(now.len());
            self.sha256_of(width, now, blocks);
            (states, inputs) = (later, rest);
        }
    }

    /// Returns how many lanes to use for a number of streams. Eight lanes take as long as three
    /// pairs with the SHA instructions, sixteen as long as five.
    fn sha256_width(self, num_streams: usize) -> usize {
        match num_streams {
            12.. if self.sixteen => 16,
            9.. if self.sixteen && !self.sha => 16,
            7.. if self.vl => 8,
            2.. if self.sha => 2,
            2.. if self.eight => 8,
            _ if self.vl && !self.sha => 8,
            _ => 1,
        }
    }

    fn sha256_of(self, width: usize, states: &mut [[u32; 8]], inputs: &[&[Block]]) {
        #[cfg(target_arch = "x86_64")]
        {
            let num_blocks = inputs[0].len();
            // SAFETY: each width is chosen only if the processor supports it.
            match width {
                16 => in_lanes(states, inputs, |states, inputs| unsafe {
                    sha256_16(states, inputs, num_blocks);
                }),
                8 if self.vl => in_lanes(states, inputs, |states, inputs| unsafe {
                    sha256_vl(states, &inputs[..8], num_blocks);
                }),
                8 => in_lanes(states, inputs, |states, inputs| unsafe {
                    sha256_8(states, &inputs[..8], num_blocks);
                }),
                2 => {
                    let states = states.first_chunk_mut().expect("two streams");
                    unsafe { single::sha256(states, [inputs[0], inputs[1]]) };
                }
                _ => sha2::block_api::compress256(&mut states[0], inputs[0]),
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            debug_assert_eq!(width, 1);
            sha2::block_api::compress256(&mut states[0], inputs[0]);
        }
    }
}

fn check<const WORDS: usize>(states: &[[u32; WORDS]], inputs: &[&[Block]]) {
    assert_eq!(states.len(), inputs.len(), "an input for each stream");
    let same_len = inputs.iter().all(|blocks| blocks.len() == inputs[0].len());
    assert!(same_len, "streams advance by the same number of blocks");
}

/// Transposes states from stream by stream to word by word. Lanes without a stream repeat the
/// first one.
#[cfg(target_arch = "x86_64")]
fn in_lanes<const WORDS: usize>(
    states: &mut [[u32; WORDS]],
    inputs: &[&[Block]],
    compress: impl FnOnce(&mut [[u32; MAX_LANES]; WORDS], &[&[Block]; MAX_LANES]),
) {
    let mut all_inputs = [inputs[0]; MAX_LANES];
    all_inputs[..inputs.len()].copy_from_slice(inputs);
    let mut lanes = [[0; MAX_LANES]; WORDS];
    for (lane, state) in states.iter().enumerate() {
        for (words, word) in lanes.iter_mut().zip(state) {
            words[lane] = *word;
        }
    }
    compress(&mut lanes, &all_inputs);
    for (lane, state) in states.iter_mut().enumerate() {
        for (words, word) in lanes.iter().zip(state) {
            *word = words[lane];
        }
    }
}

/// A kernel, compiled for the features of the processor that its vectors need.
#[cfg(target_arch = "x86_64")]
macro_rules! kernel {
    ($name:ident, $algorithm:ident, $words:literal, $vector:ident, $features:literal) => {
        #[target_feature(enable = $features)]
        unsafe fn $name(
            states: &mut [[u32; MAX_LANES]; $words],
            inputs: &[&[Block]],
            num_blocks: usize,
        ) {
            // SAFETY: these are the features that the vectors need.
            unsafe { $algorithm::compress::<vector::$vector>(states, inputs, num_blocks) }
        }
    };
}

#[cfg(target_arch = "x86_64")]
kernel!(md5_8, md5, 4, Avx8, "avx2");
#[cfg(target_arch = "x86_64")]
kernel!(md5_vl, md5, 4, Vl8, "avx2,avx512f,avx512vl");
#[cfg(target_arch = "x86_64")]
kernel!(md5_16, md5, 4, F16, "avx2,avx512f,avx512vl,avx512bw");
#[cfg(target_arch = "x86_64")]
kernel!(sha256_8, sha256, 8, Avx8, "avx2");
#[cfg(target_arch = "x86_64")]
kernel!(sha256_vl, sha256, 8, Vl8, "avx2,avx512f,avx512vl");
#[cfg(target_arch = "x86_64")]
kernel!(sha256_16, sha256, 8, F16, "avx2,avx512f,avx512vl,avx512bw");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Blocks that differ from stream to stream.
    fn blocks(stream: usize, num_blocks: usize) -> Vec<Block> {
        let mut word = 0x9e37_79b9_u32.wrapping_mul(stream as u32 + 1);
        let mut block = || {
            let mut block = [0; 64];
            for byte in &mut block {
                word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = (word >> 24) as u8;
            }
            block
        };
        (0..num_blocks).map(|_| block()).collect()
    }

    /// Compares all kernels with the reference, continuing with the states of the call before.
    fn compare(num_streams: usize, calls: &[usize]) {
        let num_blocks = calls.iter().sum();
        let inputs: Vec<Vec<Block>> = (0..num_streams).map(|s| blocks(s, num_blocks)).collect();
        let (mut md5, mut sha256) = (Vec::new(), Vec::new());
        for blocks in &inputs {
            let (mut state, mut state256) = (MD5_INIT, SHA256_INIT);
            ::md5::block_api::compress(&mut state, blocks);
            sha2::block_api::compress256(&mut state256, blocks);
            md5.push(state);
            sha256.push(state256);
        }
        for (name, kernels) in Kernels::detect().subsets() {
            let mut states = vec![MD5_INIT; num_streams];
            let mut states256 = vec![SHA256_INIT; num_streams];
            let mut from = 0;
            for &len in calls {
                let parts: Vec<&[Block]> = inputs.iter().map(|i| &i[from..][..len]).collect();
                kernels.md5(&mut states, &parts);
                kernels.sha256(&mut states256, &parts);
                from += len;
            }
            assert_eq!(
                states, md5,
                "MD5, {name}, {num_streams} streams, {calls:?} blocks"
            );
            assert_eq!(
                states256, sha256,
                "SHA-256, {name}, {num_streams} streams, {calls:?} blocks"
            );
        }
    }

    #[test]
    fn every_number_of_streams_gives_what_the_reference_gives() {
        for num_streams in 0..=2 * MAX_LANES + 1 {
            for num_blocks in 0..4 {
                compare(num_streams, &[num_blocks]);
            }
        }
    }

    #[test]
    fn the_reference_itself_is_among_what_is_compared() {
        assert_eq!(
            Kernels::default().subsets(),
            [("portable", Kernels::default())]
        );
        assert_eq!(Kernels::default().num_lanes(), 1);
        let all = Kernels::detect().subsets();
        assert_eq!(all.last().unwrap().1, Kernels::detect());
    }

    #[test]
    #[should_panic(expected = "same number of blocks")]
    fn streams_of_different_lengths_are_refused() {
        let blocks = blocks(0, 2);
        Kernels::detect().md5(&mut [MD5_INIT; 2], &[&blocks, &blocks[1..]]);
    }

    #[test]
    #[should_panic(expected = "an input for each stream")]
    fn a_stream_without_input_is_refused() {
        let blocks = blocks(0, 2);
        Kernels::detect().sha256(&mut [SHA256_INIT; 2], &[&blocks]);
    }

    proptest! {
        #[test]
        fn blocks_may_come_in_any_parts(
            num_streams in 1_usize..20,
            calls in prop::collection::vec(0_usize..9, 0..6),
        ) {
            compare(num_streams, &calls);
        }
    }
}
