//! romfeed.
