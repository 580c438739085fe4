//! Compares the kernels with their references, in memory: `cargo bench -p digest-lanes`.
//!
//! The data is one megabyte, which fits into caches, so the speed of memory does not matter.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use digest_lanes::lanes::{Block, Kernels, MD5_INIT, SHA256_INIT};

/// Blocks of all streams together: 1 MiB.
const NUM_BLOCKS: usize = 1 << 14;

fn main() {
    let mut criterion = Criterion::default().sample_size(20).configure_from_args();
    let blocks: Vec<Block> = (0..NUM_BLOCKS)
        .map(|index| [(index % 251) as u8; 64])
        .collect();
    bench_md5(&mut criterion, &blocks);
    bench_sha256(&mut criterion, &blocks);
    criterion.final_summary();
}

fn bench_md5(criterion: &mut Criterion, blocks: &[Block]) {
    let mut group = criterion.benchmark_group("md5");
    group.throughput(Throughput::Bytes((NUM_BLOCKS * 64) as u64));
    group.bench_function("md-5 (reference)", |bencher| {
        bencher.iter(|| ::md5::block_api::compress(&mut black_box(MD5_INIT), black_box(blocks)));
    });
    for (name, kernels) in Kernels::detect().subsets() {
        for num_streams in streams(kernels) {
            let inputs: Vec<&[Block]> = blocks.chunks_exact(NUM_BLOCKS / num_streams).collect();
            group.bench_function(BenchmarkId::new(name, num_streams), |bencher| {
                let mut states = vec![MD5_INIT; num_streams];
                bencher.iter(|| kernels.md5(&mut states, black_box(&inputs[..num_streams])));
            });
        }
    }
    group.finish();
}

fn bench_sha256(criterion: &mut Criterion, blocks: &[Block]) {
    let mut group = criterion.benchmark_group("sha256");
    group.throughput(Throughput::Bytes((NUM_BLOCKS * 64) as u64));
    group.bench_function("sha2 (reference)", |bencher| {
        bencher
            .iter(|| sha2::block_api::compress256(&mut black_box(SHA256_INIT), black_box(blocks)));
    });
    for (name, kernels) in Kernels::detect().subsets() {
        for num_streams in streams(kernels) {
            let inputs: Vec<&[Block]> = blocks.chunks_exact(NUM_BLOCKS / num_streams).collect();
            group.bench_function(BenchmarkId::new(name, num_streams), |bencher| {
                let mut states = vec![SHA256_INIT; num_streams];
                bencher.iter(|| kernels.sha256(&mut states, black_box(&inputs[..num_streams])));
            });
        }
    }
    group.finish();
}

/// One stream, as many as there are lanes, and some numbers in between.
fn streams(kernels: Kernels) -> impl Iterator<Item = usize> {
    let most = kernels.num_lanes();
    [1, 2, 4, 8, 16].into_iter().filter(move |num| *num <= most)
}
