//! Small ext4 images as Android's build makes them, with `mke2fs` and `debugfs`.
//!
//! The features are those of a real system image: extents, and no journal, 64-bit block
//! numbers, flexible groups or metadata checksums. Files are written by `debugfs` in the
//! given order, because `mke2fs -d` takes them in the order of the host's file system.

use crate::tools::{Result, Scratch, run};
use std::{collections::BTreeSet, process::Command};

const CONFIG: &str = "\
[defaults]
    base_features = ext_attr,dir_index,filetype,extent,sparse_super,large_file,huge_file,uninit_bg,dir_nlink,extra_isize
    enable_periodic_fsck = 0
    blocksize = 4096
    inode_size = 256
    inode_ratio = 16384
";

/// The contents and parameters of an image.
pub(crate) struct Image<'a> {
    /// The mount point, which becomes the label.
    pub(crate) label: &'a str,
    /// Size in blocks of 4096 bytes.
    pub(crate) num_blocks: u32,
    /// Number of inodes.
    pub(crate) num_inodes: u32,
    /// The time of every file in it.
    pub(crate) timestamp: i64,
    /// Paths from the root without a leading `/`, and contents.
    pub(crate) files: Vec<(&'a str, Vec<u8>)>,
}

/// Makes the image.
pub(crate) fn build(image: &Image<'_>) -> Result<Vec<u8>> {
    let scratch = Scratch::new()?;
    let dir = scratch.path();
    let path = dir.join("image");
    std::fs::write(dir.join("mke2fs.conf"), CONFIG)?;
    let tool = |program: &str| {
        let mut command = Command::new(program);
        command
            .current_dir(dir)
            .env("MKE2FS_CONFIG", dir.join("mke2fs.conf"))
            .env("E2FSPROGS_FAKE_TIME", image.timestamp.to_string())
            .env("TZ", "UTC");
        command
    };
    run(tool("mke2fs")
        .args(["-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0"])
        .args(["-N", &image.num_inodes.to_string()])
        .args(["-L", image.label, "-M", &format!("/{}", image.label)])
        .args(["-U", "4729639d-b5f2-5cc1-a120-9ac5f788683c"])
        .args([
            "-E",
            "hash_seed=6c47db31-8e4a-5c54-a9bd-2fd6d4a1f51e,root_owner=0:0",
        ])
        .arg("image")
        .arg(image.num_blocks.to_string()))?;

    let mut script = String::new();
    let mut folders = BTreeSet::new();
    for (index, (file, content)) in image.files.iter().enumerate() {
        let source = format!("file{index}");
        std::fs::write(dir.join(&source), content)?;
        for (end, _) in file.match_indices('/') {
            if folders.insert(&file[..end]) {
                script += &format!("mkdir /{}\n", &file[..end]);
                script += &fields(&file[..end], "040755", image.timestamp);
            }
        }
        script += &format!("write {source} /{file}\n");
        script += &fields(file, "0100644", image.timestamp);
    }
    script += &fields("", "040755", image.timestamp);
    std::fs::write(dir.join("script"), script)?;
    run(tool("debugfs").args(["-w", "-f", "script", "image"]))?;
    check(&mut tool("e2fsck"))?;
    Ok(std::fs::read(path)?)
}

/// Commands that make owner, mode and times independent of the host.
fn fields(path: &str, mode: &str, timestamp: i64) -> String {
    let mut text = format!("sif /{path} mode {mode}\nsif /{path} uid 0\nsif /{path} gid 0\n");
    for field in ["atime", "ctime", "mtime", "crtime"] {
        text += &format!("sif /{path} {field} @{timestamp}\n");
        text += &format!("sif /{path} {field}_extra 0\n");
    }
    text
}

fn check(e2fsck: &mut Command) -> Result<()> {
    run(e2fsck.args(["-f", "-n", "image"]))?;
    Ok(())
}
