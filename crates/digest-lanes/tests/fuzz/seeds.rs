//! Seeds of the fuzz target, each for other kernels and another number of streams.

use testkit::fuzz::Seeds;
use testkit::noise;

/// Returns the seeds.
pub(crate) fn all() -> Seeds {
    let mut seeds = Seeds::default();
    // Kernels, number of streams and the split position, before the blocks.
    for (kernels, num_streams, cut, num_blocks) in [
        (0, 1, 0, 1),
        (7, 1, 0, 1),
        (1, 2, 1, 3),
        (2, 8, 2, 4),
        (3, 16, 1, 2),
        (4, 17, 0, 3),
        (5, 33, 1, 2),
        (6, 12, 3, 5),
        (7, 7, 1, 1),
    ] {
        let input = [&[kernels, num_streams, cut][..], &noise(7, 64 * num_blocks)].concat();
        seeds.add(
            "lanes",
            &format!("{kernels}-{num_streams}-{num_blocks}"),
            &input,
        );
    }
    seeds
}
