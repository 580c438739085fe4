//! romfeed's file-system readers compared with the reference programs.
//!
//! In: the files of a folder or of the running system, and generated ones with unusual sizes, names
//! and holes. They are made into images with `mke2fs -d` and `mkfs.erofs`, in each way that
//! compresses or places data differently. Every file and link of an image is read with
//! `ota_view::fs`, and compared with what `debugfs` or `fsck.erofs` extracts. Out: one line for
//! each image; any difference is a failure. The times are of reading and hashing on this side, and
//! of writing the files to disk on the other.

use crate::{
    bench_inputs::{ANDROID, Found, Kind, mke2fs, room_for, tool},
    tools::{Result, Scratch, run},
};
use ota_view::{
    fs::{self as our_fs, EntryType, FileSystem},
    image::{sparse::Sparse, transfer_list},
    io::{FileSource, ReadAt},
};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{Seek, SeekFrom, Write},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};
use testkit::{noise, transfer_list::TransferList};

const MIB: u64 = 1 << 20;
/// Number of differences printed for one image; the others are counted.
const MAX_SHOWN: usize = 10;

/// Name and options of the ext images.
const EXT: [(&str, &str); 5] = [
    ("ext4-android", ANDROID),
    ("ext4-default", "-t ext4"),
    ("ext4-1k", "-t ext4 -b 1024"),
    ("ext3", "-t ext3"),
    ("ext2-1k", "-t ext2 -b 1024"),
];

/// Name and options of the EROFS images.
const EROFS: [(&str, &str); 15] = [
    ("erofs-plain", ""),
    ("erofs-noinline", "-Enoinline_data"),
    ("erofs-chunk-4k", "--chunksize=4096"),
    ("erofs-chunk-64k", "--chunksize=65536"),
    ("erofs-lz4hc", "-zlz4hc,level=9"),
    ("erofs-lz4hc-64k", "-zlz4hc,level=9 -C65536"),
    ("erofs-lz4-legacy", "-zlz4 -Elegacy-compress"),
    ("erofs-ztail", "-zlz4hc -Eztailpacking"),
    (
        "erofs-lz4hc-small",
        "-zlz4hc,level=9 -C65536 -Efragments,dedupe,ztailpacking",
    ),
    ("erofs-zstd", "-zzstd -C65536"),
    (
        "erofs-zstd-small",
        "-zzstd -C65536 -Eall-fragments,dedupe,ztailpacking",
    ),
    ("erofs-deflate", "-zdeflate,level=9 -C65536"),
    ("erofs-lzma", "-zlzma -C65536"),
    (
        "erofs-lzma-small",
        "-zlzma -C1048576 -Eall-fragments,dedupe,ztailpacking",
    ),
    ("erofs-48bit", "-zlz4hc -C65536 -E48bit"),
];

/// The message of `ext4-view` 1.0.0 for a block map with a hole in place of an indirect block; a
/// known difference that does not count.
const KNOWN_FAULT: &str = "from block 0";

/// Compares all images; fails if one differs.
pub(crate) fn run_all(folder: Option<&Path>) -> Result<()> {
    let scratch = Scratch::new()?;
    let shop = Shop {
        dir: scratch.path(),
        tree: scratch.path().join("tree"),
    };
    write_tree(&shop.tree, folder)?;
    let source = Items::of_folder(&shop.tree)?;
    eprintln!("tree: {source}");
    let mut num_faulty = 0;
    let mut check = |faulty: bool| num_faulty += usize::from(faulty);

    for (name, options) in EXT {
        let image = shop.dir.join(name);
        run(&mut mke2fs(
            options,
            &shop.tree,
            &image,
            shop.size_for(name)?,
        ))?;
        let theirs = shop.extract(
            Command::new("debugfs")
                .args(["-R", "rdump / out"])
                .arg(&image),
        )?;
        check(report(name, open(&image)?, &theirs, &source)?);
        if name == "ext4-android" {
            let packed = shop.dir.join("packed");
            run(Command::new("img2simg").args([&image, &packed]))?;
            let sparse = Sparse::open(vec![open(&packed)?])?;
            check(report("ext4-sparse", Arc::new(sparse), &theirs, &source)?);
            let view = transfer_view(&image, &packed)?;
            check(report("ext4-new.dat", view, &theirs, &source)?);
        }
        fs::remove_file(image)?;
    }
    let mkfs = tool("MKFS_EROFS", "mkfs.erofs");
    for (name, options) in EROFS {
        let image = shop.dir.join(name);
        run(Command::new(&mkfs)
            .args(["--quiet", "--all-root"])
            .args(options.split_whitespace())
            .args([&image, &shop.tree]))?;
        let fsck = mkfs.with_file_name("fsck.erofs");
        let theirs = shop.extract(Command::new(fsck).arg("--extract=out").arg(&image))?;
        check(report(name, open(&image)?, &theirs, &source)?);
        fs::remove_file(image)?;
    }
    match num_faulty {
        0 => Ok(()),
        _ => Err(format!("{num_faulty} images are read differently").into()),
    }
}

struct Shop<'a> {
    dir: &'a Path,
    tree: PathBuf,
}

impl Shop<'_> {
    /// Extracts all files of an image with a program that writes them to `out`.
    fn extract(&self, command: &mut Command) -> Result<(Items, Duration)> {
        let out = self.dir.join("out");
        fs::create_dir(&out)?;
        let began = Instant::now();
        run(command.current_dir(self.dir))?;
        let time = began.elapsed();
        let items = Items::of_folder(&out)?;
        fs::remove_dir_all(out)?;
        Ok((items, time))
    }

    /// Journals and inode tables take more space than in Android's images.
    fn size_for(&self, name: &str) -> Result<u64> {
        let size = room_for(&self.tree)?;
        Ok(match name {
            "ext4-android" => size,
            _ => size + size / 10 + 64 * MIB,
        })
    }
}

fn open(image: &Path) -> Result<Arc<dyn ReadAt>> {
    Ok(Arc::new(FileSource::open(image)?))
}

/// An image by way of `system.transfer.list`, with its new data in the file `data`.
fn transfer_view(image: &Path, data: &Path) -> Result<Arc<dyn ReadAt>> {
    let image = fs::read(image)?;
    let (text, new_dat) = TransferList::from_image(&image);
    fs::write(data, new_dat)?;
    let list = transfer_list::TransferList::parse(text.as_bytes())?;
    Ok(list.image(open(data)?, image.len() as u64)?.into())
}

/// Reads an image and prints its line; returns whether anything differs.
fn report(
    name: &str,
    image: Arc<dyn ReadAt>,
    (theirs, their_time): &(Items, Duration),
    source: &Items,
) -> Result<bool> {
    let began = Instant::now();
    let ours = Items::of_image(&*our_fs::open(image)?)?;
    let time = began.elapsed();
    let differences = ours.differences(theirs);
    eprintln!(
        "{name:<18} {ours}; ours {:.2} s, theirs {:.2} s; {} differences",
        time.as_secs_f64(),
        their_time.as_secs_f64(),
        differences.len(),
    );
    for line in differences.iter().take(MAX_SHOWN) {
        eprintln!("  {line}");
    }
    // Not an error here, but it would hide one.
    let lost = source
        .0
        .iter()
        .filter(|(path, item)| theirs.0.get(*path) != Some(*item));
    match lost.count() {
        0 => {}
        lost => eprintln!("  the reference program differs from the source tree at {lost} paths"),
    }
    Ok(differences.iter().any(|line| !line.contains(KNOWN_FAULT)))
}

/// Paths without a leading `/`, and their contents.
struct Items(BTreeMap<String, Item>);

#[derive(PartialEq)]
enum Item {
    Folder,
    File(u64, [u8; 32]),
    Link(String),
    Other,
    Fault(String),
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder => f.write_str("folder"),
            Self::File(size, [a, b, c, d, ..]) => {
                write!(f, "{size} bytes {a:02x}{b:02x}{c:02x}{d:02x}")
            }
            Self::Link(target) => write!(f, "link to {target}"),
            Self::Other => f.write_str("special"),
            Self::Fault(fault) => f.write_str(fault),
        }
    }
}

impl fmt::Display for Items {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut num_files, mut num_links, mut bytes) = (0, 0, 0);
        for item in self.0.values() {
            match item {
                Item::File(size, _) => {
                    num_files += 1;
                    bytes += size;
                }
                Item::Link(_) => num_links += 1,
                _ => {}
            }
        }
        write!(f, "{num_files} files, {num_links} links, {bytes} bytes")
    }
}

impl Items {
    fn of_folder(folder: &Path) -> Result<Self> {
        let mut items = BTreeMap::new();
        walk_folder(folder, "", &mut items)?;
        Ok(Self(items))
    }

    fn of_image(fs: &dyn FileSystem) -> Result<Self> {
        let mut items = BTreeMap::new();
        walk_image(fs, "", &mut items);
        Ok(Self(items))
    }

    fn differences(&self, theirs: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (path, their) in &theirs.0 {
            match self.0.get(path) {
                None => lines.push(format!("{path}: nothing, theirs {their}")),
                Some(our) if our != their => lines.push(format!("{path}: {our}, theirs {their}")),
                Some(_) => {}
            }
        }
        for (path, our) in &self.0 {
            if !theirs.0.contains_key(path) {
                lines.push(format!("{path}: {our}, theirs nothing"));
            }
        }
        lines
    }
}

fn walk_image(fs: &dyn FileSystem, folder: &str, items: &mut BTreeMap<String, Item>) {
    let entries = match fs.list(&format!("/{folder}")) {
        Ok(entries) => entries,
        Err(error) => {
            items.insert(folder.to_owned(), Item::Fault(error.to_string()));
            return;
        }
    };
    for entry in entries {
        let path = join(folder, &entry.name);
        let item = match entry.entry_type {
            EntryType::Folder => Item::Folder,
            EntryType::Link => Item::Link(entry.target.unwrap_or_default()),
            EntryType::Special => Item::Other,
            EntryType::File => {
                let mut hash = Hash::default();
                match fs.copy(&format!("/{path}"), u64::MAX, &mut hash) {
                    Ok(()) if hash.len == entry.size => hash.item(),
                    Ok(()) => Item::Fault(format!("{} of {} bytes", hash.len, entry.size)),
                    Err(error) => Item::Fault(error.to_string()),
                }
            }
        };
        let is_folder = item == Item::Folder;
        items.insert(path.clone(), item);
        if is_folder {
            walk_image(fs, &path, items);
        }
    }
}

fn walk_folder(root: &Path, folder: &str, items: &mut BTreeMap<String, Item>) -> Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = join(folder, &entry.file_name().to_string_lossy());
        let metadata = entry.metadata()?;
        let item = if metadata.is_dir() {
            walk_folder(root, &path, items)?;
            Item::Folder
        } else if metadata.is_symlink() {
            Item::Link(fs::read_link(entry.path())?.to_string_lossy().into_owned())
        } else {
            let mut hash = Hash::default();
            std::io::copy(&mut fs::File::open(entry.path())?, &mut hash)?;
            hash.item()
        };
        items.insert(path, item);
    }
    Ok(())
}

fn join(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        _ => format!("{folder}/{name}"),
    }
}

#[derive(Default)]
struct Hash {
    state: Sha256,
    len: u64,
}

impl Hash {
    fn item(self) -> Item {
        Item::File(self.len, self.state.finalize().into())
    }
}

impl Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.state.update(bytes);
        self.len += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Writes about 350 MB of files.
fn write_tree(tree: &Path, folder: Option<&Path>) -> Result<()> {
    let folders = match folder {
        Some(folder) => vec![folder.to_owned()],
        None => vec!["/usr/lib".into(), "/usr/share".into()],
    };
    let mut found = Found::gather(&folders)?;
    found.take(Kind::Program, &tree.join("lib"), 120 * MIB)?;
    found.take(Kind::Text, &tree.join("share"), 50 * MIB)?;
    write_sizes(tree)?;
    write_big(&tree.join("big"))?;
    write_names(tree)
}

/// Lengths around block and cluster boundaries, compressible and not.
fn write_sizes(tree: &Path) -> Result<()> {
    let text = fs::read(std::env::current_exe()?)?;
    let sizes = tree.join("sizes");
    fs::create_dir_all(&sizes)?;
    for unit in [512, 1024, 4096, 8192, 16384, 65536, 131_072, 1 << 20] {
        for len in [unit - 2, unit - 1, unit, unit + 1, unit + 60, 3 * unit / 2] {
            let text = &text[..len.min(text.len())];
            fs::write(sizes.join(format!("{len}.text")), text)?;
            fs::write(sizes.join(format!("{len}.noise")), noise(len as u64, len))?;
            // The same contents twice, and shifted.
            fs::write(sizes.join(format!("{len}.again")), text)?;
            fs::write(
                sizes.join(format!("{len}.shifted")),
                [b"shift", text].concat(),
            )?;
        }
    }
    // More names than fit in one level of a hashed folder.
    let many = tree.join("many");
    fs::create_dir_all(&many)?;
    for index in 0..6000 {
        let name = format!("file number {index:05} of this folder.txt");
        let start = index * 7 % (text.len() / 2);
        fs::write(many.join(name), &text[start..start + index])?;
    }
    Ok(())
}

/// Big files, and files with holes at the start, in the middle and at the end.
fn write_big(big: &Path) -> Result<()> {
    fs::create_dir_all(big)?;
    fs::write(big.join("noise.bin"), noise(1, 60 << 20))?;
    fs::write(big.join("zeros.bin"), vec![0; 20 << 20])?;
    let mut text = Vec::new();
    for index in 0..1_000_000 {
        writeln!(
            text,
            "line {index} of a file that compresses well, {}",
            index % 7
        )?;
    }
    fs::write(big.join("text.txt"), text)?;
    fs::write(big.join("empty"), "")?;
    for (name, len, step) in [
        ("comb.bin", 16 * MIB, 8192),
        ("islands.bin", 60 * MIB, 7 * MIB),
        ("near.bin", MIB, 300_000),
        ("front.bin", 40 * MIB, 39 * MIB),
        ("nothing.bin", 5 * MIB + 77, 6 * MIB),
    ] {
        let mut file = fs::File::create(big.join(name))?;
        for offset in (step..len).step_by(usize::try_from(step)?) {
            file.seek(SeekFrom::Start(offset))?;
            file.write_all(&noise(offset, if step < MIB { 100 } else { 5000 }))?;
        }
        file.set_len(len)?;
    }
    Ok(())
}

/// Deep folders, long and foreign names, and links of every kind.
fn write_names(tree: &Path) -> Result<()> {
    let names = tree.join("names");
    let deep = (0..100).fold(names.join("deep"), |path, level| {
        path.join(format!("level {level}"))
    });
    fs::create_dir_all(&deep)?;
    fs::write(deep.join("bottom"), "bottom\n")?;
    fs::create_dir(names.join("empty folder"))?;
    for name in [
        "ünïcödé",
        "日本語",
        "back\\slash",
        "new\nline",
        " ",
        "...",
        "a:b*c?",
    ] {
        fs::write(names.join(name), name)?;
    }
    for len in [1, 200, 254, 255] {
        fs::write(names.join("n".repeat(len)), format!("{len}"))?;
    }
    fs::hard_link(names.join("n"), names.join("hard link"))?;
    for target in [
        "n",
        "../names/n",
        "/names/n",
        "/nowhere",
        "loop",
        ".",
        "deep",
    ] {
        let name = format!("link to {}", target.replace('/', "_"));
        symlink(target, names.join(name))?;
    }
    symlink("loop", names.join("loop"))?;
    // The longest that a file system with 1024-byte blocks allows.
    for len in [58, 59, 60, 61, 500, 1022] {
        let target = "../names/deep/".repeat(len / 14 + 1);
        symlink(&target[..len], names.join(format!("link of {len}")))?;
    }
    Ok(())
}
