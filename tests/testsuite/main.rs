//! Tests of the built program, one module per feature.

mod bad_input;
mod catalog;
mod clients;
mod generate;
mod inspect;
mod layering;
mod support;
