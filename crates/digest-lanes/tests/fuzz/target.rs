//! The fuzz target: the hash kernels, compared with the reference implementations.

use digest_lanes::lanes::{Block, Kernels, MAX_LANES, MD5_INIT, SHA256_INIT};

/// Hashes blocks with one choice of kernels, and with the crates `md-5` and `sha2`.
///
/// The first byte selects the kernels, the second the number of streams and the third where the
/// blocks are split in two; the blocks follow. All streams hold the same blocks, each starting at
/// another one.
pub(crate) fn lanes(data: &[u8]) {
    let [kernels, num_streams, cut, blocks @ ..] = data else {
        return;
    };
    let all = Kernels::detect().subsets();
    let (name, kernels) = all[usize::from(*kernels) % all.len()];
    let num_streams = usize::from(*num_streams) % (2 * MAX_LANES + 2);
    let blocks = blocks.as_chunks().0;
    let inputs: Vec<Vec<Block>> = (0..num_streams)
        .map(|stream| turned(blocks, stream))
        .collect();
    let cut = usize::from(*cut) % (blocks.len() + 1);

    let mut md5 = vec![MD5_INIT; num_streams];
    let mut sha256 = vec![SHA256_INIT; num_streams];
    for part in [0..cut, cut..blocks.len()] {
        let parts: Vec<&[Block]> = inputs.iter().map(|input| &input[part.clone()]).collect();
        kernels.md5(&mut md5, &parts);
        kernels.sha256(&mut sha256, &parts);
    }
    for (stream, input) in inputs.iter().enumerate() {
        let (mut state, mut state256) = (MD5_INIT, SHA256_INIT);
        md5::block_api::compress(&mut state, input);
        sha2::block_api::compress256(&mut state256, input);
        assert_eq!(md5[stream], state, "MD5, {name}, stream {stream}");
        assert_eq!(sha256[stream], state256, "SHA-256, {name}, stream {stream}");
    }
}

fn turned(blocks: &[Block], by: usize) -> Vec<Block> {
    let mut turned = blocks.to_vec();
    if !turned.is_empty() {
        turned.rotate_left(by % blocks.len());
    }
    turned
}
