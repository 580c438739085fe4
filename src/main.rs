//! romfeed.
fn main() {}
