//! Packages of real size for `crates/ota-view/benches/read.rs`: a gigabyte each, with images made by
//! the programs that real ROMs are made with.
//!
//! In: the programs, libraries and texts of the running system, and noise in place of compressed
//! data. Out, in a folder: three payloads and a block-based package. They are as large and as
//! compressible as real ones, but differ between machines, so none is tracked. Existing packages
//! are not made again.

use crate::tools::{Result, filter, run};
use std::{
    fs,
    io::Read,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use testkit::{
    BLOCK_SIZE, noise,
    package::Package,
    payload::{Partition, op},
    props::Props,
    transfer_list::TransferList,
    zip::Entry,
};

/// The time of everything in the images: 2025-06-14 10:18:38.
const TIMESTAMP: i64 = 1_749_896_318;
/// Blocks that one operation covers, as in real payloads.
const BLOCKS_PER_OPERATION: usize = 512;
/// Minimum size of a payload, in bytes; a partition of noise fills the difference.
const MIN_PAYLOAD: usize = 1 << 30;
const MIB: u64 = 1 << 20;

/// The features of Android's build for system images.
pub(crate) const ANDROID: &str = "-t ext4 -O none,ext_attr,dir_index,filetype,extent,sparse_super,\
    large_file,huge_file,uninit_bg,dir_nlink,extra_isize -b 4096 -I 256 -m 0";

/// Writes the packages that are missing in the folder.
pub(crate) fn write_all(folder: &Path) -> Result<()> {
    write_erofs(folder)?;
    let (work, props) = (folder.join("work"), props());
    for (name, fs, form) in [
        ("ext4-xz.zip", Fs::Ext4, Form::Xz),
        ("erofs-xz.zip", Fs::Erofs, Form::Xz),
    ] {
        let path = folder.join(name);
        if !path.exists() {
            let package = payload(&work, &props, fs, form)?;
            write(&path, &package.build())?;
        }
    }
    let path = folder.join("block-br.zip");
    if !path.exists() {
        write(&path, &block(&work, &props)?.build())?;
    }
    Ok(())
}

/// Writes the package that takes only a minute, unless it exists: a payload of uncompressed EROFS
/// images.
pub(crate) fn write_erofs(folder: &Path) -> Result<PathBuf> {
    let (work, props) = (folder.join("work"), props());
    let path = folder.join("erofs-replace.zip");
    fs::create_dir_all(&work)?;
    write_trees(&work, &props)?;
    if !path.exists() {
        let package = payload(&work, &props, Fs::Erofs, Form::Stored)?;
        write(&path, &package.build())?;
    }
    Ok(path)
}

fn props() -> Props {
    Props::lineage(
        "22.2",
        "UNOFFICIAL",
        "enchilada",
        TIMESTAMP,
        "eng.builder.20250614.101838",
        35,
        "2025-06-05",
    )
}

#[derive(Clone, Copy)]
enum Fs {
    Ext4,
    Erofs,
}

/// The form of the data of a payload's operations.
#[derive(Clone, Copy)]
enum Form {
    Stored,
    /// `xz` where that is shorter.
    Xz,
}

fn payload(work: &Path, props: &Props, fs: Fs, form: Form) -> Result<Package> {
    let mut stored = 0;
    let mut partitions = vec![Partition::new("boot").replace(noise(1, 64 << 20))];
    for name in ["product", "system", "vendor"] {
        let image = fs::read(image(work, name, fs)?)?;
        let partition = Partition::new(name).version(&TIMESTAMP.to_string());
        let (partition, len) = match form {
            Form::Stored => (partition.replace(&image), image.len()),
            Form::Xz => packed(partition, &image)?,
        };
        stored += len;
        partitions.push(partition);
    }
    let rest = MIN_PAYLOAD.saturating_sub(stored);
    let modem = Partition::new("modem").replace(noise(2, rest.next_multiple_of(BLOCK_SIZE)));
    partitions.insert(1, modem);
    let package = Package::payload(props.clone());
    Ok(partitions.into_iter().fold(package, Package::partition))
}

/// Appends an image in operations of 2 MiB; returns the number of bytes they take.
fn packed(mut partition: Partition, image: &[u8]) -> Result<(Partition, usize)> {
    let parts: Vec<&[u8]> = image.chunks(BLOCKS_PER_OPERATION * BLOCK_SIZE).collect();
    let results = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((index, part)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            parts.get(index).map(|part| (index, part))
        } {
            let result = xz(part).map_err(|error| error.to_string());
            results
                .lock()
                .expect("no thread panics")
                .push((index, result));
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let mut results = results.into_inner()?;
    results.sort_by_key(|(index, _)| *index);
    let mut stored = 0;
    for (part, (_, result)) in parts.iter().zip(results) {
        let data = result?;
        partition = if part.iter().all(|&byte| byte == 0) {
            partition.zero((part.len() / BLOCK_SIZE) as u64)
        } else if data.len() < part.len() {
            stored += data.len();
            partition.encoded(op::REPLACE_XZ, data, part)
        } else {
            stored += part.len();
            partition.replace(part)
        };
    }
    Ok((partition, stored))
}

fn xz(blocks: &[u8]) -> Result<Vec<u8>> {
    let mut xz = Command::new("xz");
    xz.args([
        "--stdout",
        "--threads=1",
        "--check=crc32",
        "--lzma2=preset=6,dict=2MiB",
    ]);
    filter(&mut xz, blocks)
}

/// Only images, as from Android 10 on: no `system/build.prop` next to them.
fn block(work: &Path, props: &Props) -> Result<Package> {
    let mut package = Package::block(props.clone()).with_build_prop(false);
    for name in ["product", "system"] {
        let image = fs::read(image(work, name, Fs::Ext4)?)?;
        let (list, data) = TransferList::from_image(&image);
        let mut brotli = Command::new("brotli");
        let stream = filter(brotli.args(["-q", "6", "-w", "24", "-c"]), &data)?;
        package = match name {
            "system" => package.image(image).new_dat_br(stream).transfer_list(&list),
            _ => package
                .add(Entry::stored(&format!("{name}.new.dat.br"), stream))
                .add(Entry::stored(&format!("{name}.patch.dat"), ""))
                .add(Entry::deflated(&format!("{name}.transfer.list"), list)),
        };
    }
    Ok(package)
}

/// Makes the image of a tree, if it does not exist.
fn image(work: &Path, name: &str, fs: Fs) -> Result<PathBuf> {
    let tree = work.join(name);
    // A temporary name until it is complete.
    let part = work.join("image.part");
    let (kind, mut command) = match fs {
        Fs::Ext4 => {
            let mut command = mke2fs(ANDROID, &tree, &part, room_for(&tree)?);
            command.env("E2FSPROGS_FAKE_TIME", TIMESTAMP.to_string());
            ("ext4", command)
        }
        Fs::Erofs => {
            let mut command = Command::new(tool("MKFS_EROFS", "mkfs.erofs"));
            command
                .args(["--quiet", "-zlz4hc,level=9", "--all-root"])
                .arg(format!("-T{TIMESTAMP}"))
                .args([&part, &tree]);
            ("erofs", command)
        }
    };
    let path = work.join(format!("{name}-{kind}.img"));
    if !path.exists() {
        run(&mut command)?;
        fs::rename(part, &path)?;
    }
    Ok(path)
}

/// Returns a program, or the one that an environment variable names instead.
pub(crate) fn tool(variable: &str, program: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| program.into(), PathBuf::from)
}

/// Makes an ext image of this many bytes out of a folder.
pub(crate) fn mke2fs(options: &str, tree: &Path, image: &Path, size: u64) -> Command {
    let mut command = Command::new("mke2fs");
    command
        .args(["-q", "-F", "-E", "root_owner=0:0"])
        .args(options.split_whitespace())
        .arg("-d")
        .args([tree, image])
        .arg(format!("{}k", size / 1024));
    command
}

/// Returns the bytes that an ext image of this folder needs, with inode tables and a reserve.
pub(crate) fn room_for(tree: &Path) -> Result<u64> {
    let size = size_of(tree)? + 8 * MIB;
    Ok((size + size / 20).next_multiple_of(4096))
}

/// Returns the bytes of the blocks and inodes of a folder's contents.
fn size_of(folder: &Path) -> Result<u64> {
    let mut size = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        size += 512 + metadata.len().next_multiple_of(4096);
        if metadata.is_dir() {
            size += size_of(&entry.path())?;
        }
    }
    Ok(size)
}

/// Writes the contents of the partitions, in folders with their names.
fn write_trees(work: &Path, props: &Props) -> Result<()> {
    let done = work.join("trees-are-complete");
    if done.exists() {
        return Ok(());
    }
    let version = [
        "ro.lineage.version",
        "ro.lineage.releasetype",
        "ro.lineage.build.version",
        "ro.modversion",
        "ro.lineage.display.version",
    ];
    let system_props = version.iter().fold(props.clone(), |p, key| p.remove(key));
    let product_props = version.iter().fold(props.partition("product"), |p, key| {
        p.set(key, props.get(key).unwrap_or_default())
    });
    let mut found = Found::gather(&["/usr/lib".into(), "/usr/share".into(), "/usr/bin".into()])?;

    let system = work.join("system/system");
    packed_files(&system.join("apex"), "com.android.", ".apex", 3, 110 * MIB)?;
    apps(&system.join("app"), 4, 120 * MIB)?;
    found.take(Kind::Program, &system.join("bin"), 60 * MIB)?;
    for index in 0..150 {
        symlink("toybox", system.join(format!("bin/tool{index:03}")))?;
    }
    fs::write(system.join("build.prop"), system_props.text())?;
    found.take(Kind::Text, &system.join("etc"), 60 * MIB)?;
    packed_files(&system.join("framework"), "lib", ".jar", 5, 60 * MIB)?;
    found.take(Kind::Program, &system.join("framework/oat"), 150 * MIB)?;
    found.take(Kind::Program, &system.join("lib64"), 350 * MIB)?;
    packed_files(&system.join("media"), "sound", ".ogg", 6, 40 * MIB)?;
    apps(&system.join("priv-app"), 7, 150 * MIB)?;
    found.take(Kind::Text, &system.join("usr"), 100 * MIB)?;
    for name in ["apex", "data", "dev", "product", "vendor"] {
        fs::create_dir_all(work.join("system").join(name))?;
    }
    symlink("/system/bin", work.join("system/bin"))?;
    symlink("/system/etc", work.join("system/etc"))?;

    let product = work.join("product");
    apps(&product.join("app"), 8, 80 * MIB)?;
    found.take(Kind::Text, &product.join("etc"), 40 * MIB)?;
    fs::write(product.join("etc/build.prop"), product_props.text())?;
    found.take(Kind::Program, &product.join("lib64"), 80 * MIB)?;

    let vendor = work.join("vendor");
    found.take(Kind::Program, &vendor.join("bin"), 20 * MIB)?;
    fs::write(vendor.join("build.prop"), props.partition("vendor").text())?;
    packed_files(&vendor.join("firmware"), "fw", ".bin", 9, 60 * MIB)?;
    found.take(Kind::Program, &vendor.join("lib64"), 100 * MIB)?;
    Ok(fs::write(done, "")?)
}

/// Apps are zips, which compressors cannot reduce.
fn apps(folder: &Path, seed: u64, total: u64) -> Result<()> {
    packed_files(folder, "App", ".apk", seed, total)
}

/// Writes files of noise, each in its own folder if it is an app.
fn packed_files(folder: &Path, prefix: &str, suffix: &str, seed: u64, total: u64) -> Result<()> {
    let sizes = noise(seed, 1000);
    let mut left = total;
    for (index, &size) in sizes.iter().enumerate() {
        let len = (4096 + u64::from(size) * u64::from(size) * 100 + index as u64).min(left);
        left -= len;
        let name = format!("{prefix}{index:03}{suffix}");
        let path = match suffix {
            ".apk" => folder.join(format!("{prefix}{index:03}")).join(name),
            _ => folder.join(name),
        };
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(
            path,
            noise(seed * 1000 + index as u64, usize::try_from(len)?),
        )?;
        if left == 0 {
            break;
        }
    }
    Ok(())
}

/// The kind of a file of the running system.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// ELF: a program or library.
    Program,
    /// Anything else, mostly text.
    Text,
}

/// Files of the running system, each used once.
pub(crate) struct Found {
    files: Vec<(Kind, PathBuf, u64)>,
}

impl Found {
    /// Lists all readable files below some folders, without links.
    pub(crate) fn gather(folders: &[PathBuf]) -> Result<Self> {
        let mut found = Self { files: Vec::new() };
        for folder in folders {
            found.enter(folder, 0);
        }
        if found.files.is_empty() {
            return Err("no files were found".into());
        }
        Ok(found)
    }

    fn enter(&mut self, folder: &Path, depth: usize) {
        const MAX_DEPTH: usize = 32;
        // Unreadable files are skipped.
        let Ok(entries) = fs::read_dir(folder) else {
            return;
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_dir() && depth < MAX_DEPTH => {
                    self.enter(&path, depth + 1);
                }
                Ok(metadata) if metadata.is_file() => {
                    let mut magic = [0; 4];
                    let read = fs::File::open(&path).and_then(|file| {
                        let mut start = file.take(4);
                        start.read(&mut magic)
                    });
                    if read.is_ok() {
                        let kind = match &magic {
                            b"\x7fELF" => Kind::Program,
                            _ => Kind::Text,
                        };
                        self.files.push((kind, path, metadata.len()));
                    }
                }
                _ => {}
            }
        }
    }

    /// Copies files of a kind into a folder until they have this many bytes. Programs go into one
    /// folder, other files keep the last two folders of their path.
    pub(crate) fn take(&mut self, kind: Kind, folder: &Path, total: u64) -> Result<()> {
        const MAX_TEXT: u64 = 4 * MIB;
        const MAX_PROGRAM: u64 = 60 * MIB;
        fs::create_dir_all(folder)?;
        let max = match kind {
            Kind::Program => MAX_PROGRAM,
            Kind::Text => MAX_TEXT,
        };
        let mut left = total;
        let mut rest = Vec::new();
        for (found, path, size) in std::mem::take(&mut self.files) {
            if found != kind || size > left.min(max) {
                rest.push((found, path, size));
                continue;
            }
            let names: Vec<_> = path.iter().collect();
            let keep = match kind {
                Kind::Program => 1,
                Kind::Text => names.len().min(3),
            };
            let target = folder.join(names[names.len() - keep..].iter().collect::<PathBuf>());
            // A second file with the same name goes to another folder, or is skipped.
            if target.exists() || fs::create_dir_all(target.parent().unwrap_or(folder)).is_err() {
                rest.push((found, path, size));
                continue;
            }
            if fs::copy(&path, &target).is_ok() {
                left -= size;
            }
        }
        self.files = rest;
        Ok(())
    }
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    // A temporary name until it is complete.
    let part = path.with_extension("part");
    fs::write(&part, content)?;
    fs::rename(&part, path)?;
    eprintln!("{:>11}  {}", content.len(), path.display());
    Ok(())
}
