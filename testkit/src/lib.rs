//! Writers of ROM packages for tests and samples.
