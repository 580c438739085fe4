//! The file-system images under `tests/fixtures/images/`, made by the programs that real
//! ROMs are made with.
//!
//! Three trees of files, written by this file, go in. For each tree one text listing comes
//! out, and for each way of storing a tree one image, compressed by `xz`; `README.md` there
//! names the commands. Names, order, times, owners, UUIDs and hash seeds are fixed, so the
//! same versions of the programs give the same bytes.
//!
//! Each image is read back by `debugfs` or `fsck.erofs` and compared with its tree before
//! it is written. What the readers of romfeed make of an image is left to the tests.

use crate::tools::{Result, Scratch, run};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fmt::Write as _,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};
use testkit::{noise, payload::sha256, props::Props};

/// The time of everything in the images: 2025-06-14 10:18:38.
const TIMESTAMP: i64 = 1_749_896_318;

const UUID: &str = "4729639d-b5f2-5cc1-a120-9ac5f788683c";
const HASH_SEED: &str = "hash_seed=6c47db31-8e4a-5c54-a9bd-2fd6d4a1f51e,root_owner=0:0";

/// Stands in for the host's `mke2fs.conf`: the defaults of Debian's e2fsprogs 1.47.
const MKE2FS_CONF: &str = "\
[defaults]
    base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
    default_mntopts = acl,user_xattr
    enable_periodic_fsck = 0
    blocksize = 4096
    inode_size = 256
    inode_ratio = 16384
[fs_types]
    ext2 = {
    }
    ext3 = {
        features = has_journal
    }
    ext4 = {
        features = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize
    }
";

/// As Android's build makes system images; groups of 256 blocks give a small image several.
const ANDROID: &str = "-t ext4 -O none,ext_attr,dir_index,filetype,extent,sparse_super,\
    large_file,huge_file,uninit_bg,dir_nlink,extra_isize -b 4096 -I 256 -g 256 -m 0";

/// Enough blocks for a journal: below 2048 `mke2fs` leaves it out without failing, and a journal
/// of 1024 blocks may take half of the free ones.
const JOURNAL_BLOCKS: u32 = 2304;

const SELINUX_LABEL: &str = "u:object_r:system_file:s0";

/// The first version of `mkfs.erofs` that knows all options used here.
const MKFS_EROFS_MIN: (u32, u32) = (1, 9);

/// Longer than 60 bytes, as `debugfs` 1.47.0 dumps shorter files wrongly that lie in an inode.
const HOSTS: &str = "\
127.0.0.1       localhost
::1             ip6-localhost ip6-loopback
";

/// Makes glibc's malloc give zeros: `mkfs.erofs` 1.9.4 writes padding it never set.
const ZEROED_MEMORY: &str = "glibc.malloc.perturb=255:glibc.malloc.tcache_count=0";

/// Where the two kernel versions lie in an F2FS superblock, and the length of each.
const F2FS_VERSIONS: [usize; 2] = [0x684, 0x784];
const F2FS_VERSION_LEN: usize = 256;

/// Writes all images, listings and the recipe.
pub(crate) fn write_all() -> Result<()> {
    let mut shop = Shop::new()?;
    let system = system_tree();
    let product = product_tree();
    let flat = flat_tree();
    shop.tree("system", &system)?;
    shop.tree("product", &product)?;
    shop.tree("flat", &flat)?;
    write_ext(&mut shop, &system, &product, &flat)?;
    write_erofs(&mut shop, &system, &product)?;
    write_others(&mut shop)?;
    write_streams(&mut shop)?;
    shop.readme()
}

/// Paths without a leading `/`, and what is there.
type Tree = BTreeMap<String, Node>;

enum Node {
    Folder,
    File(Vec<u8>),
    Link(String),
}

impl Node {
    fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

/// A system image whose root is the root of the device, as from Android 10 on.
fn system_tree() -> Tree {
    let mut tree = Tree::new();
    let props = lineage();
    let mut text = props.text();
    for (index, value) in noise(41, 120).into_iter().enumerate() {
        // Real files have more lines, and must not fit into one block here.
        let _ = writeln!(text, "ro.example.{index:03}.feature.level={value}");
    }
    // Of two files with the same contents, the second refers to the first where it can.
    file(&mut tree, "default.prop", text.as_str());
    file(&mut tree, "system/build.prop", text);
    file(&mut tree, "system/etc/hosts", HOSTS);
    file(&mut tree, "system/bin/init", noise(42, 700));
    for folder in ["product", "vendor"] {
        tree.insert(folder.to_owned(), Node::Folder);
    }
    for (path, target) in [
        ("dangling", "/nowhere"),
        ("escape", "../../../system/build.prop"),
        ("etc", "/system/etc"),
        ("init", "/system/bin/init"),
        ("system/etc/abs", "/system/build.prop"),
        (
            "system/etc/long",
            "../etc/../../system/bin/../etc/../many/../media/../bin/../build.prop",
        ),
        ("system/etc/loop1", "loop2"),
        ("system/etc/loop2", "loop1"),
        ("system/etc/rel", "../build.prop"),
        ("system/product", "/product"),
        ("system/vendor", "/vendor"),
    ] {
        tree.insert(path.to_owned(), Node::Link(target.to_owned()));
    }
    file(&mut tree, "system/big.txt", prose(43, 150_000));
    file(&mut tree, "system/noise.bin", noise(44, 9000));
    file(&mut tree, "system/tail.txt", prose(45, 4096 * 2 + 100));
    file(&mut tree, "system/empty", "");
    file(&mut tree, "system/holes.bin", holes(65_536, &[0, 65_436]));
    // More runs of data than an inode has room for extents.
    let offsets: Vec<usize> = (0..12).map(|index| index * 8192).collect();
    file(&mut tree, "system/comb.bin", holes(23 * 4096, &offsets));
    let repeated = prose(46, 12 * 1024);
    let shifted = [&prose(47, 1000), &repeated[3000..]].concat();
    file(&mut tree, "system/dup1.txt", repeated.as_slice());
    file(&mut tree, "system/dup2.txt", repeated);
    file(&mut tree, "system/dup3.txt", shifted);
    for index in 0..300 {
        file(
            &mut tree,
            &format!("system/many/file{index:03}"),
            format!("file {index}\n"),
        );
    }
    file(&mut tree, "system/media/ünï.txt", "Grüße\n");
    tree
}

/// The product partition of the same build.
fn product_tree() -> Tree {
    let props = lineage();
    let version = props.get("ro.lineage.version").unwrap_or_default();
    let product = props
        .partition("product")
        .set("ro.lineage.version", version)
        .set("ro.lineage.releasetype", "UNOFFICIAL")
        .set("ro.config.ringtone", "Orion.ogg");
    let mut tree = Tree::new();
    file(&mut tree, "app/webview/webview.apk", noise(51, 1500));
    file(&mut tree, "etc/build.prop", product.text());
    file(&mut tree, "etc/NOTICE.txt", prose(52, 5000));
    tree
}

/// A system image whose root is the system folder, as before Android 10.
fn flat_tree() -> Tree {
    let props = Props::cm(
        "12.1",
        "NIGHTLY",
        "golden",
        1_440_659_702,
        "8faea5e644",
        22,
        "",
    );
    let vendor = Props::new()
        .set("ro.vendor.build.date.utc", "1440659702")
        .set("ro.vendor.product.device", "golden");
    let mut tree = Tree::new();
    file(&mut tree, "bin/toybox", noise(61, 2500));
    tree.insert("bin/ls".to_owned(), Node::Link("toybox".to_owned()));
    file(&mut tree, "build.prop", props.text());
    file(&mut tree, "etc/hosts", HOSTS);
    // At 1024 bytes a block, the end of one is doubly indirect.
    file(&mut tree, "etc/NOTICE.txt", prose(62, 40_000));
    file(&mut tree, "etc/far.bin", holes(307_200, &[0, 307_100]));
    file(&mut tree, "vendor/build.prop", vendor.text());
    tree
}

fn lineage() -> Props {
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

/// Adds a file and the folders above it.
fn file(tree: &mut Tree, path: &str, content: impl Into<Vec<u8>>) {
    for (end, _) in path.match_indices('/') {
        tree.insert(path[..end].to_owned(), Node::Folder);
    }
    tree.insert(path.to_owned(), Node::File(content.into()));
}

/// Text of numbered lines that compresses well, but does not just repeat.
fn prose(seed: u64, len: usize) -> Vec<u8> {
    const CLAUSES: [&str; 8] = [
        "permission is granted to any person",
        "this notice is kept in all copies",
        "the software comes as it is",
        "the author is not liable for damage",
        "changes are marked as such",
        "the source goes along with it",
        "no name is used to endorse it",
        "a fee for the act of copying may be asked",
    ];
    let mut text = String::new();
    for (index, dice) in noise(seed, len).into_iter().enumerate() {
        if text.len() >= len {
            break;
        }
        let first = CLAUSES[usize::from(dice) % 8];
        let second = CLAUSES[usize::from(dice) / 8 % 8];
        let _ = writeln!(text, "{index:04} {first}, provided that {second}.");
    }
    text.truncate(len);
    text.into_bytes()
}

/// Zeros, with a hundred other bytes at each offset.
fn holes(len: usize, offsets: &[usize]) -> Vec<u8> {
    let mut bytes = vec![0; len];
    for &offset in offsets {
        bytes[offset..offset + 100].fill(b'#');
    }
    bytes
}

/// Where the images are made, and what was made so far.
struct Shop {
    scratch: Scratch,
    out: PathBuf,
    mkfs_erofs: PathBuf,
    tools: String,
    images: Vec<Made>,
    /// Commands that made the other streams.
    streams: Vec<String>,
}

/// An image as the recipe describes it.
struct Made {
    name: String,
    purpose: &'static str,
    commands: Vec<String>,
    size: usize,
}

impl Shop {
    fn new() -> Result<Self> {
        let xtask =
            std::env::var_os("CARGO_MANIFEST_DIR").ok_or("run me as `cargo xtask fixtures`")?;
        let root = Path::new(&xtask)
            .parent()
            .ok_or("the crate lies in no workspace")?;
        let out = root.join("tests/fixtures/images");
        std::fs::create_dir_all(&out)?;
        let mkfs_erofs = std::env::var_os("MKFS_EROFS").unwrap_or_else(|| "mkfs.erofs".into());
        let mut shop = Self {
            scratch: Scratch::new()?,
            out,
            mkfs_erofs: mkfs_erofs.into(),
            tools: String::new(),
            images: Vec::new(),
            streams: Vec::new(),
        };
        std::fs::write(shop.dir().join("mke2fs.conf"), MKE2FS_CONF)?;
        shop.check_tools()?;
        Ok(shop)
    }

    fn dir(&self) -> &Path {
        self.scratch.path()
    }

    /// Notes the versions, and refuses a `mkfs.erofs` that cannot make all images.
    fn check_tools(&mut self) -> Result<()> {
        let erofs = first_line(&mut self.command(&self.mkfs_erofs), "-V")?;
        let version = erofs.rsplit(' ').next().unwrap_or_default();
        let mut numbers = version.split('.').map_while(|part| part.parse().ok());
        let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if found < MKFS_EROFS_MIN {
            let (major, minor) = MKFS_EROFS_MIN;
            return Err(format!(
                "{} is version {version}, but {major}.{minor} or later is needed; \
                 set MKFS_EROFS to the path of another one",
                self.mkfs_erofs.display()
            )
            .into());
        }
        self.tools = format!("{erofs}, configured with MAX_BLOCK_SIZE=16384\n");
        for (program, option) in [
            ("mke2fs", "-V"),
            ("mksquashfs", "-version"),
            ("tar", "--version"),
            ("mkfs.f2fs", "-V"),
            ("xz", "--version"),
            ("brotli", "--version"),
            ("zstd", "--version"),
            ("bzip2", "--help"),
            ("gzip", "--version"),
        ] {
            let line = first_line(&mut self.command(program), option)?;
            self.tools += &format!("{line}\n");
        }
        self.tools += "img2simg (which tells no version)\n";
        Ok(())
    }

    /// A program, to be run among the images.
    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.dir())
            .env("MKE2FS_CONFIG", self.dir().join("mke2fs.conf"))
            .env("E2FSPROGS_FAKE_TIME", TIMESTAMP.to_string())
            .env("E2FSCK_TIME", TIMESTAMP.to_string())
            .env("GLIBC_TUNABLES", ZEROED_MEMORY)
            .env("LC_ALL", "C")
            .env("TZ", "UTC");
        command
    }

    /// Runs a program with arguments given in one line, and gives the line for the recipe.
    fn run(&self, program: impl AsRef<OsStr>, args: &str) -> Result<String> {
        run(self.command(&program).args(args.split_whitespace()))?;
        let name = Path::new(&program).file_name().unwrap_or_default();
        Ok(format!("{} {args}", name.display()))
    }

    /// Writes a tree to the folder of this name, and its listing to the fixtures.
    fn tree(&self, name: &str, tree: &Tree) -> Result<()> {
        let root = self.dir().join(name);
        std::fs::create_dir(&root)?;
        set_mode(&root, 0o755)?;
        let mut listing = String::new();
        for (path, node) in tree {
            let target = root.join(path);
            let (kind, size, what) = match node {
                Node::Folder => {
                    std::fs::create_dir(&target)?;
                    set_mode(&target, 0o755)?;
                    ('d', 0, "-".to_owned())
                }
                Node::File(content) => {
                    std::fs::write(&target, content)?;
                    set_mode(&target, 0o644)?;
                    ('f', content.len(), hex(&sha256(content)))
                }
                Node::Link(link) => {
                    symlink(link, &target)?;
                    ('l', link.len(), link.clone())
                }
            };
            let _ = writeln!(listing, "{kind}\t{size}\t{what}\t/{path}");
        }
        std::fs::write(self.out.join(format!("{name}.tree")), listing)?;
        Ok(())
    }

    /// Compares a folder that another program took out of an image with the tree.
    fn compare(&self, folder: &str, tree: &Tree) -> Result<()> {
        let root = self.dir().join(folder);
        for (path, node) in tree {
            let target = root.join(path);
            let is_same = match node {
                Node::Folder => target.symlink_metadata()?.is_dir(),
                Node::File(content) => std::fs::read(&target)? == *content,
                Node::Link(link) => std::fs::read_link(&target)? == Path::new(link),
            };
            if !is_same {
                return Err(format!("/{path} came out of the image as another").into());
            }
        }
        std::fs::remove_dir_all(root)?;
        Ok(())
    }

    /// Compresses an image into the fixtures.
    fn keep(&mut self, name: &str, purpose: &'static str, commands: Vec<String>) -> Result<()> {
        let mut xz = self.command("xz");
        xz.args(["-9e", "--check=crc32", "--threads=1", "--stdout", name]);
        let packed = run(&mut xz)?;
        let size = std::fs::metadata(self.dir().join(name))?.len() as usize;
        std::fs::write(self.out.join(format!("{name}.xz")), &packed)?;
        eprintln!("{:>7}  {name}.xz", packed.len());
        self.images.push(Made {
            name: name.to_owned(),
            purpose,
            commands,
            size,
        });
        Ok(())
    }

    /// Writes the recipe.
    fn readme(&self) -> Result<()> {
        let mut text = README_TOP.to_owned();
        let _ = writeln!(text, "\n```text\n{}```\n\n## Images\n", self.tools);
        for image in &self.images {
            let _ = writeln!(
                text,
                "### {}\n\n{}\n{} bytes.\n\n```sh\n{}\n```\n",
                image.name,
                image.purpose,
                image.size,
                image.commands.join("\n")
            );
        }
        let _ = writeln!(
            text,
            "## Other streams\n\nImages of above in the other forms of compression that packages use.\n\n\
             ```sh\n{}\n```\n",
            self.streams.join("\n")
        );
        let _ = writeln!(text, "## mke2fs.conf\n\n```ini\n{MKE2FS_CONF}```");
        std::fs::write(self.out.join("README.md"), text)?;
        Ok(())
    }
}

/// How to make an ext2, ext3 or ext4 image.
struct Ext<'a> {
    name: &'a str,
    purpose: &'static str,
    folder: &'a str,
    tree: &'a Tree,
    options: &'a str,
    num_blocks: u32,
    /// Commands of `debugfs` after the files are there.
    finish: &'a str,
    /// Whether `e2fsck` gives large directories their index.
    is_indexed: bool,
}

fn write_ext(shop: &mut Shop, system: &Tree, product: &Tree, flat: &Tree) -> Result<()> {
    let labels: String = ["build.prop", "etc", "etc/hosts", "bin/init", "etc/long"]
        .map(|path| format!("ea_set /system/{path} security.selinux \"{SELINUX_LABEL}\\000\"\n"))
        .concat();
    let shared = "\
copy_inode /system/dup1.txt /system/dup2.txt
features shared_blocks verity
";
    let android = Ext {
        name: "ext4-android.img",
        purpose: "The system tree as Android's build stores it: extents, no journal, no metadata\n\
            checksums, 32-bit block numbers, several block groups, SELinux labels.",
        folder: "system",
        tree: system,
        options: &format!("{ANDROID} -N 512 -L / -M /"),
        num_blocks: 768,
        finish: &labels,
        is_indexed: false,
    };
    ext(shop, &android)?;
    ext(
        shop,
        &Ext {
            name: "ext4-shared.img",
            purpose: "The same with the features `shared_blocks` and `verity`; /system/dup1.txt and\n\
                /system/dup2.txt use the same blocks.",
            finish: shared,
            ..android
        },
    )?;
    ext(
        shop,
        &Ext {
            name: "ext4-modern.img",
            purpose: "The defaults for ext4: 64-bit descriptors, metadata checksums, flexible groups,\n\
                a journal. /system/many has a hash tree, and the holes of /system/holes.bin are\n\
                unwritten extents.",
            options: "-t ext4 -b 4096 -N 512 -J size=4",
            num_blocks: JOURNAL_BLOCKS,
            finish: "fallocate /system/holes.bin 0 15\n",
            is_indexed: true,
            ..android
        },
    )?;
    ext(
        shop,
        &Ext {
            name: "ext4-seed.img",
            purpose: "The same with `metadata_csum_seed` and `orphan_file`, as e2fsprogs 1.47 has them on\n\
                by default.",
            options: "-t ext4 -O metadata_csum_seed,orphan_file -b 4096 -N 512 -J size=4",
            num_blocks: JOURNAL_BLOCKS,
            finish: "",
            is_indexed: true,
            ..android
        },
    )?;
    ext(
        shop,
        &Ext {
            name: "ext4-product.img",
            purpose: "The product tree as Android's build stores it.",
            folder: "product",
            tree: product,
            options: &format!("{ANDROID} -N 64 -L product -M /product"),
            num_blocks: 256,
            finish: "",
            ..android
        },
    )?;
    let ext2 = Ext {
        name: "ext2-flat.img",
        purpose: "The flat tree in ext2: block maps instead of extents, blocks of 1024 bytes, inodes\n\
            of 128.",
        folder: "flat",
        tree: flat,
        options: "-t ext2 -b 1024 -I 128 -g 256 -N 64 -L system -M /system",
        num_blocks: 768,
        finish: "",
        is_indexed: false,
    };
    ext(shop, &ext2)?;
    ext(
        shop,
        &Ext {
            name: "ext3-flat.img",
            purpose: "The flat tree in ext3: block maps, a journal, blocks of 4096 bytes.",
            options: "-t ext3 -b 4096 -N 64 -J size=4 -L system -M /system",
            num_blocks: JOURNAL_BLOCKS,
            ..ext2
        },
    )?;
    ext(
        shop,
        &Ext {
            name: "ext4-inline.img",
            purpose: "The flat tree with `inline_data`: small files and folders lie in their inodes.",
            options: "-t ext4 -O inline_data,^has_journal -b 4096 -N 64 -L system -M /system",
            num_blocks: 256,
            ..ext2
        },
    )
}

fn ext(shop: &mut Shop, image: &Ext<'_>) -> Result<()> {
    let &Ext { name, folder, .. } = image;
    let mut commands = vec![shop.run(
        "mke2fs",
        &format!(
            "-q -F {} -U {UUID} -E {HASH_SEED} {name} {}",
            image.options, image.num_blocks
        ),
    )?];

    // `mke2fs -d` would take the files in the order of the host's file system.
    let mut script = String::new();
    for (path, node) in image.tree {
        let _ = match node {
            Node::Folder => writeln!(script, "mkdir /{path}"),
            // Its blocks come from the other one.
            Node::File(_) if path.ends_with("dup2.txt") && image.finish.contains(path) => {
                writeln!(script, "write {folder}/system/empty /{path}")
            }
            Node::File(_) => writeln!(script, "write {folder}/{path} /{path}"),
            Node::Link(target) => writeln!(script, "symlink /{path} {target}"),
        };
    }
    script += image.finish;
    std::fs::write(shop.dir().join("script"), script)?;
    shop.run("debugfs", &format!("-w -f script {name}"))?;
    commands.push(format!(
        "debugfs -w -f script {name}  # mkdir, write or symlink for each line of {folder}.tree"
    ));
    commands.extend(image.finish.lines().map(|line| format!("#   {line}")));
    if image.is_indexed {
        let line = format!("e2fsck -fyD {name}");
        let status = shop.command("e2fsck").args(["-fyD", name]).output()?.status;
        // One means that it changed something.
        if !matches!(status.code(), Some(0 | 1)) {
            return Err(format!("{line} failed").into());
        }
        commands.push(line);
    }

    shop.run("e2fsck", &format!("-fn {name}"))?;
    std::fs::create_dir(shop.dir().join("out"))?;
    let mut dump = shop.command("debugfs");
    run(dump.args(["-R", "rdump / out", name]))?;
    shop.compare("out", image.tree)?;
    shop.keep(name, image.purpose, commands)
}

/// Name, options and purpose of the EROFS images of the system tree.
const EROFS: [(&str, &str, &str); 24] = [
    (
        "plain",
        "",
        "Not compressed; tails of files lie behind their inodes.",
    ),
    (
        "noinline",
        "-Enoinline_data",
        "Not compressed; all data in blocks of its own.",
    ),
    (
        "chunk",
        "--chunksize=4096",
        "Chunks of one block, with holes and shared chunks.",
    ),
    ("chunk64", "--chunksize=65536", "Chunks of 16 blocks."),
    ("lz4", "-zlz4", "LZ4, one block at a time, compact indexes."),
    (
        "lz4hc",
        "-zlz4hc,level=9",
        "LZ4 as Android's build compresses by default.",
    ),
    (
        "bigpcluster",
        "-zlz4hc,level=9 -C65536",
        "Compressed clusters of up to 16 blocks.",
    ),
    (
        "legacy",
        "-zlz4 -Elegacy-compress",
        "LZ4 with full indexes.",
    ),
    (
        "ztail",
        "-zlz4hc -Eztailpacking",
        "The compressed tail lies behind the inode.",
    ),
    (
        "fragments",
        "-zlz4hc -C65536 -Efragments",
        "Tails of files, or whole ones if they are short, lie in the packed file; clusters of up to\n\
            16 blocks.",
    ),
    (
        "tailfragments",
        "-zlz4hc -Efragments",
        "The same with clusters of one block.",
    ),
    (
        "allfragments",
        "-zlz4hc -Eall-fragments",
        "Whole files lie in the packed file.",
    ),
    (
        "dedupe",
        "-zlz4hc -C65536 -Ededupe",
        "Compressed clusters used by two files.",
    ),
    ("lzma", "-zlzma", "MicroLZMA."),
    (
        "lzma-frag",
        "-zlzma,level=9 -C65536 -Eall-fragments,dedupe,ztailpacking",
        "MicroLZMA with all that saves space.",
    ),
    ("deflate", "-zdeflate,level=9", "DEFLATE."),
    ("zstd", "-zzstd", "Zstandard."),
    ("dirdata", "-zlz4hc --zD", "Compressed directories."),
    (
        "48bit",
        "-zlz4hc -E48bit",
        "48-bit block numbers; compressed files are lists of extents.",
    ),
    (
        "metabox",
        "-zlz4hc -m4096 --MZ=i",
        "Inodes lie in a compressed file of their own.",
    ),
    (
        "metabox-dirs",
        "-zlz4hc -m4096 --MZ --zD",
        "Inodes and compressed directories lie in a compressed file of their own.",
    ),
    ("extended", "-Eforce-inode-extended", "Inodes of 64 bytes."),
    ("16k", "-b16384", "Blocks of 16384 bytes, not compressed."),
    (
        "16k-lz4hc",
        "-b16384 -zlz4hc",
        "Blocks of 16384 bytes, LZ4.",
    ),
];

fn write_erofs(shop: &mut Shop, system: &Tree, product: &Tree) -> Result<()> {
    // Folders would be taken in the order of the host's file system, tar files are sorted.
    let dir = shop.dir().to_owned();
    let is_changed = |path: &str| ["system/build.prop", "system/big.txt"].contains(&path);
    std::fs::write(dir.join("system.tar"), tar(system, |_| true, ""))?;
    std::fs::write(dir.join("product.tar"), tar(product, |_| true, ""))?;
    std::fs::write(dir.join("again.tar"), tar(system, is_changed, ""))?;
    std::fs::write(dir.join("label.tar"), tar(system, |_| true, SELINUX_LABEL))?;
    for (name, options, purpose) in EROFS {
        erofs(shop, name, purpose, &[(options, "system.tar")], system)?;
    }
    erofs(
        shop,
        "xattrs",
        "Inodes of 64 bytes; labels and other extended attributes behind them.",
        &[("-Eforce-inode-extended", "label.tar")],
        system,
    )?;
    // Only attributes of files on disk are shared; those of `user` need no privileges.
    std::fs::create_dir(dir.join("label"))?;
    shop.run(
        "tar",
        "--xattrs --xattrs-include=user.* -C label -xpf label.tar",
    )?;
    set_mode(&dir.join("label"), 0o755)?;
    erofs(
        shop,
        "xattrs-shared",
        "The attributes `user.*` of the same, taken from a folder: the one that all have is shared.",
        &[("-Eforce-inode-extended", "label")],
        system,
    )?;
    // `mkfs.erofs` 1.9.4 crashes on hints that name an algorithm.
    erofs(
        shop,
        "mixed",
        "Two algorithms: an image in LZ4, to which /system/build.prop and /system/big.txt were\n\
            added again in Zstandard.",
        &[
            ("-zlz4hc:zstd", "system.tar"),
            ("-zzstd --incremental=data", "again.tar"),
        ],
        system,
    )?;
    erofs(
        shop,
        "product",
        "The product tree, LZ4.",
        &[("-zlz4hc", "product.tar")],
        product,
    )
}

/// Makes an image in steps, each with its options and what it adds.
fn erofs(
    shop: &mut Shop,
    name: &str,
    purpose: &'static str,
    steps: &[(&str, &str)],
    tree: &Tree,
) -> Result<()> {
    let name = format!("erofs-{name}.img");
    let mut commands = Vec::new();
    for (options, source) in steps {
        let mut args = format!("--quiet --workers=1 -T{TIMESTAMP} -U{UUID} --all-root");
        if source.ends_with(".tar") {
            args += " --tar=f";
        }
        if !options.is_empty() {
            args += &format!(" {options}");
        }
        args += &format!(" {name} {source}");
        commands.push(shop.run(&shop.mkfs_erofs, &args)?);
    }
    let fsck = shop.mkfs_erofs.with_file_name("fsck.erofs");
    shop.run(fsck, &format!("--extract=out {name}"))?;
    if steps.iter().any(|(options, _)| options.contains("--MZ")) {
        // `fsck.erofs` 1.9.4 looks for data behind an inode outside the metabox.
        for (path, _) in tree.iter().filter(|(_, node)| node.is_file()) {
            let mut dump = shop.command(shop.mkfs_erofs.with_file_name("dump.erofs"));
            let content = run(dump.args(["--cat", &format!("--path=/{path}"), &name]))?;
            std::fs::write(shop.dir().join("out").join(path), content)?;
        }
    }
    shop.compare("out", tree)?;
    shop.keep(&name, purpose, commands)
}

/// These entries of a tree as a tar file in pax format, with extended attributes if there
/// is a label: all have the label, all but links have another, and files directly in `system`
/// a third, each its own.
fn tar(tree: &Tree, is_wanted: impl Fn(&str) -> bool, label: &str) -> Vec<u8> {
    let mut tar = Vec::new();
    tar_entry(&mut tar, "./", "", b'5', 0o755, &[]);
    for (path, node) in tree.iter().filter(|(path, _)| is_wanted(path)) {
        let (flag, mode, link, content) = match node {
            Node::Folder => (b'5', 0o755, "", &[][..]),
            Node::File(content) => (b'0', 0o644, "", &content[..]),
            Node::Link(target) => (b'2', 0o777, target.as_str(), &[][..]),
        };
        if !label.is_empty() {
            let mut records = record("SCHILY.xattr.security.selinux", &format!("{label}\0"));
            if flag != b'2' {
                records += &record("SCHILY.xattr.user.package", "romfeed");
            }
            if node.is_file() && path.matches('/').count() == 1 {
                records += &record("SCHILY.xattr.user.origin", &format!("made for {path}"));
            }
            tar_entry(&mut tar, "pax", "", b'x', 0o644, records.as_bytes());
        }
        tar_entry(&mut tar, path, link, flag, mode, content);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

/// A record of a pax header, which begins with its own length.
fn record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n");
    let mut len = rest.len();
    while len != rest.len() + len.to_string().len() {
        len = rest.len() + len.to_string().len();
    }
    format!("{len}{rest}")
}

/// Source: POSIX.1-2017, pax, "ustar Interchange Format".
fn tar_entry(tar: &mut Vec<u8>, name: &str, link: &str, flag: u8, mode: u32, content: &[u8]) {
    let mut header = [0; 512];
    let mut put = |offset: usize, field: &[u8]| {
        header[offset..offset + field.len()].copy_from_slice(field);
    };
    put(0, name.as_bytes());
    put(100, format!("{mode:07o}").as_bytes());
    put(108, b"0000000\x000000000\0");
    put(124, format!("{:011o}", content.len()).as_bytes());
    put(136, format!("{TIMESTAMP:011o}").as_bytes());
    put(148, b"        ");
    put(156, &[flag]);
    put(157, link.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    tar.extend(header);
    tar.extend(content);
    tar.resize(tar.len().next_multiple_of(512), 0);
}

/// File systems that are only recognised, and the sparse form of an image.
fn write_others(shop: &mut Shop) -> Result<()> {
    let squashfs = shop.run(
        "mksquashfs",
        &format!(
            "product squashfs.img -noappend -no-progress -quiet -processors 1 -no-exports \
             -no-xattrs -all-root -mkfs-time {TIMESTAMP} -all-time {TIMESTAMP}"
        ),
    )?;
    shop.keep(
        "squashfs.img",
        "SquashFS, to be recognised only.",
        vec![squashfs],
    )?;

    let empty = shop.dir().join("f2fs.img");
    std::fs::File::create(&empty)?.set_len(64 << 20)?;
    let f2fs = shop.run(
        "mkfs.f2fs",
        &format!("-q -f -r -l system -U {UUID} -T {TIMESTAMP} f2fs.img"),
    )?;
    let mut image = std::fs::read(&empty)?;
    image.truncate(64 << 10);
    for superblock in [0x400, 0x1400] {
        for version in F2FS_VERSIONS {
            image[superblock + version..][..F2FS_VERSION_LEN].fill(0);
        }
    }
    std::fs::write(&empty, image)?;
    shop.keep(
        "f2fs.img",
        "The first 64 KiB of F2FS, to be recognised only. The version of the host's kernel,\n\
         which mkfs.f2fs notes twice in each of the two superblocks, is overwritten by zeros.",
        vec![
            "truncate --size=64M f2fs.img".to_owned(),
            f2fs,
            "truncate --size=64K f2fs.img".to_owned(),
        ],
    )?;

    for (name, block_size, purpose) in [
        (
            "sparse.img",
            4096,
            "Android's sparse form of ext4-android.img.",
        ),
        (
            "sparse-1k.img",
            1024,
            "The same with sparse blocks of 1024 bytes, smaller than those of the file system.",
        ),
    ] {
        let command = shop.run("img2simg", &format!("ext4-android.img {name} {block_size}"))?;
        shop.run("simg2img", &format!("{name} back.img"))?;
        let read = |name| std::fs::read(shop.dir().join(name));
        if read("back.img")? != read("ext4-android.img")? {
            return Err(format!("{name} does not give the image back").into());
        }
        std::fs::remove_file(shop.dir().join("back.img"))?;
        shop.keep(name, purpose, vec![command])?;
    }
    Ok(())
}

/// Images in the other forms of compression that packages use.
fn write_streams(shop: &mut Shop) -> Result<()> {
    for (image, extension, command) in [
        ("ext4-android.img", "br", "brotli -q 6 --stdout"),
        ("ext4-product.img", "br", "brotli -q 6 --stdout"),
        ("ext4-product.img", "lzma", "xz -9 --format=lzma --stdout"),
        (
            "ext4-product.img",
            "zst",
            "zstd -19 --no-check --stdout --quiet",
        ),
        ("ext4-product.img", "bz2", "bzip2 -9 --stdout"),
        ("ext4-product.img", "gz", "gzip -9 --no-name --stdout"),
    ] {
        let mut words = command.split(' ');
        let program = words.next().unwrap_or_default();
        let packed = run(shop.command(program).args(words).arg(image))?;
        let name = format!("{image}.{extension}");
        std::fs::write(shop.out.join(&name), &packed)?;
        eprintln!("{:>7}  {name}", packed.len());
        shop.streams.push(format!("{command} {image} > {name}"));
    }
    Ok(())
}

/// What a program says of itself first, to whichever stream.
fn first_line(command: &mut Command, option: &str) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .arg(option)
        .output()
        .map_err(|error| format!("cannot run {program}: {error}"))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    Ok(std::fs::set_permissions(
        path,
        PermissionsExt::from_mode(mode),
    )?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const README_TOP: &str = "\
# Images

File-system images for the tests, each compressed by `xz -9e --check=crc32 --threads=1`.
`cargo xtask fixtures` makes them and this file; the same versions of the programs give the
same bytes, under umask 022 and with glibc. `MKFS_EROFS` names a `mkfs.erofs` that is not on
the PATH; `fsck.erofs` and `dump.erofs` are taken from beside it.

The trees of files are made up in `xtask/src/fixtures.rs`, which also writes the tar files
below from them; `label` is `label.tar` extracted. `system.tree`, `product.tree` and
`flat.tree` list them, one path a line, sorted, with tabs between type (`d`, `f` or `l`), size,
SHA-256 of a file or target of a link, and path. ext2, ext3 and ext4 images have a folder
`lost+found` besides. All times are 1749896318, all owners 0.

Before an image was written, `e2fsck -fn` or `fsck.erofs` found no fault in it, and what
`debugfs -R rdump` or `fsck.erofs --extract` (for the metabox `dump.erofs --cat`) took out of
it was the tree.

## Programs
";
