//! Files of the maintainer: listed, read up to a limit, opened without following links, replaced whole, locked,
//! and told from what they were.

mod json;
mod list;
mod lock;
mod place;
mod read;
mod regular;
mod stamp;
mod write;

pub use json::{JsonError, json_message, plain_types};
pub use list::list_folder;
pub use lock::{Lock, lock_file};
pub use place::{Disk, Place, is_overtaken, overtaken, remove_leftover_copies};
pub use read::{after_byte_order_mark, read_file, read_regular, read_regular_text, read_text};
pub use regular::{open_below, open_regular, read_head};
pub use stamp::{stamp, stamp_number, stamp_of};
pub use write::{
    Durability, Readers, behind_links, create_ignored_folder, create_new_public_folder,
    create_public_folder, remove_leftover, replace, replace_with, write_atomically,
    write_atomically_with, write_new,
};
