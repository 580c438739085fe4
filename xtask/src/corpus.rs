//! The inputs that the fuzzers begin with, under `fuzz/corpus/`.
//!
//! Small packages and images of every form: from `testkit`, and file systems of a few
//! files from the programs that real ROMs are made with. What the fuzzers found worth
//! keeping, under `tests/fixtures/corpus/`, is put beside them.

mod signed;
mod site;

use crate::tools::{Result, Scratch, filter, run};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};
use testkit::{
    metadata::Metadata,
    noise,
    package::Package,
    payload::{Operation, Partition, Payload, op},
    props::Props,
    sparse::{self, Sparse},
    super_image::Super,
    transfer_list::TransferList,
    zip::{Entry, Zip},
};

/// The time of everything in the images: 2025-06-14 10:18:38.
const TIMESTAMP: &str = "1749896318";
const UUID: &str = "4729639d-b5f2-5cc1-a120-9ac5f788683c";

/// Forms of EROFS, by the options of `mkfs.erofs`.
const EROFS: &[(&str, &[&str])] = &[
    ("plain", &[]),
    ("noinline", &["-Enoinline_data"]),
    ("chunk", &["--chunksize=4096"]),
    ("extended", &["-Eforce-inode-extended"]),
    ("lz4", &["-zlz4"]),
    ("lz4hc", &["-zlz4hc,12"]),
    ("bigpcluster", &["-zlz4hc", "-C16384"]),
    ("legacy", &["-zlz4", "-Elegacy-compress"]),
    ("ztail", &["-zlz4hc", "-Eztailpacking"]),
    ("fragments", &["-zlz4hc", "-Efragments"]),
    ("allfragments", &["-zlz4hc", "-Eall-fragments"]),
    ("dedupe", &["-zlz4hc", "-Ededupe"]),
    ("48bit", &["-zlz4hc", "-E48bit"]),
    ("lzma", &["-zlzma"]),
    (
        "lzma-fragments",
        &["-zlzma", "-Eall-fragments,ztailpacking"],
    ),
    ("deflate", &["-zdeflate"]),
    ("zstd", &["-zzstd"]),
    ("1k", &["-b1024", "-zlz4hc"]),
];

/// Forms of ext2 to ext4, by the options of `mke2fs`.
const EXT4: &[(&str, &[&str])] = &[
    (
        "android",
        &[
            "-text4",
            "-Onone,ext_attr,dir_index,filetype,extent,sparse_super,large_file,huge_file,uninit_bg,dir_nlink,extra_isize",
        ],
    ),
    (
        "modern",
        &[
            "-text4",
            "-O^has_journal,extent,flex_bg,metadata_csum,64bit,dir_index",
        ],
    ),
    ("ext2", &["-text2"]),
];

/// Where the inputs are that are checked in.
const KEPT: &str = "tests/fixtures/corpus";

/// Writes the seeds of every target.
pub(crate) fn write_all() -> Result<()> {
    let seeds = Seeds::new()?;
    // What needs no other program first, so that it is there if one is missing.
    signed::write(&seeds)?;
    site::write(&seeds)?;
    seeds.add_found()?;
    let scratch = Scratch::new()?;
    let tree = scratch.path().join("tree");
    write_tree(&tree)?;
    let mut systems = Vec::new();
    for (name, options) in EROFS {
        let image = scratch.path().join(name);
        run(Command::new("mkfs.erofs")
            .args(["--quiet", "--all-root", "-T", TIMESTAMP, "-U", UUID])
            .args(*options)
            .args([&image, &tree]))?;
        systems.push(("erofs", *name, fs::read(image)?));
    }
    for (name, options) in EXT4 {
        let image = scratch.path().join(name);
        run(Command::new("mke2fs")
            .args(["-q", "-b1024", "-N24", "-m0", "-U", UUID, "-d"])
            .arg(&tree)
            .args(*options)
            .arg(&image)
            .arg("96k"))?;
        systems.push(("ext4", *name, fs::read(image)?));
    }
    for (target, name, image) in &systems {
        match *target {
            // Mostly holes.
            "ext4" => seeds.write(target, name, &Sparse::from_image(image, 1024).build())?,
            _ => seeds.write(target, name, image)?,
        }
    }
    let image = &systems[4].2;
    let ext4 = &systems[EROFS.len()].2;
    write_packages(&seeds, image, ext4)?;
    write_images(&seeds)?;
    write_texts(&seeds)?;
    write_streams(&seeds)
}

/// Most files, and bytes of them, checked in for one target.
const MAX_KEPT: usize = 100;
const MAX_KEPT_LEN: u64 = 150_000;
/// Longest of them.
const MAX_INPUT_LEN: u64 = 16_000;

/// Copies some inputs of `fuzz/corpus/` to where they are checked in, and removes those
/// kept before, but for the ones with names.
///
/// Their names are hashes, so the first are as good as any. The smallest would be those
/// that parsers are done with soon.
pub(crate) fn keep() -> Result<()> {
    for target in fs::read_dir(root().join("fuzz/corpus"))? {
        let target = target?;
        let folder = root().join(KEPT).join(target.file_name());
        fs::create_dir_all(&folder)?;
        let mut left = MAX_KEPT_LEN;
        let mut count = 0;
        for file in fs::read_dir(&folder)? {
            let file = file?;
            if is_hash(&file.file_name().to_string_lossy()) {
                fs::remove_file(file.path())?;
            } else {
                left = left.saturating_sub(file.metadata()?.len());
                count += 1;
            }
        }
        let mut files: Vec<_> = fs::read_dir(target.path())?.collect::<std::io::Result<_>>()?;
        files.sort_by_key(|file| file.file_name());
        for file in files {
            let len = file.metadata()?.len();
            let is_input = is_hash(&file.file_name().to_string_lossy());
            if is_input && len <= MAX_INPUT_LEN.min(left) && count < MAX_KEPT {
                fs::copy(file.path(), folder.join(file.file_name()))?;
                left -= len;
                count += 1;
            }
        }
    }
    Ok(())
}

/// Whether a fuzzer gave an input its name.
fn is_hash(name: &str) -> bool {
    name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `fuzz/corpus/`.
struct Seeds(PathBuf);

impl Seeds {
    fn new() -> Result<Seeds> {
        let root = root().join("fuzz/corpus");
        fs::create_dir_all(&root)?;
        Ok(Seeds(root))
    }

    fn write(&self, target: &str, name: &str, bytes: &[u8]) -> Result<()> {
        let folder = self.0.join(target);
        fs::create_dir_all(&folder)?;
        Ok(fs::write(folder.join(format!("seed-{name}")), bytes)?)
    }

    /// Copies what is checked in.
    fn add_found(&self) -> Result<()> {
        let Ok(targets) = fs::read_dir(root().join(KEPT)) else {
            return Ok(());
        };
        for target in targets {
            let target = target?;
            let folder = self.0.join(target.file_name());
            fs::create_dir_all(&folder)?;
            for file in fs::read_dir(target.path())? {
                let file = file?;
                fs::copy(file.path(), folder.join(file.file_name()))?;
            }
        }
        Ok(())
    }
}

fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask lies in the repository")
}

fn props() -> Props {
    lineage("21.0", 34)
}

fn lineage(version: &str, sdk: u32) -> Props {
    Props::lineage(
        version,
        "nightly",
        "bacon",
        1_700_000_000,
        "eng.1",
        sdk,
        "2023-11-05",
    )
}

/// Few files, each for a form of its own: short, long and compressible, linked.
fn write_tree(tree: &Path) -> Result<()> {
    fs::create_dir_all(tree.join("system/etc"))?;
    let text = props().text();
    fs::write(tree.join("system/build.prop"), &text)?;
    fs::write(
        tree.join("system/long.txt"),
        text.repeat(12_000 / text.len() + 1),
    )?;
    fs::write(tree.join("system/noise.bin"), noise(1, 4500))?;
    symlink("../build.prop", tree.join("system/etc/link"))?;
    symlink("/system", tree.join("etc"))?;
    Ok(())
}

fn compress(program: &str, args: &[&str], bytes: &[u8]) -> Result<Vec<u8>> {
    filter(Command::new(program).args(args), bytes)
}

/// Whole blocks.
fn padded(image: &[u8]) -> Vec<u8> {
    let mut image = image.to_vec();
    image.resize(image.len().next_multiple_of(testkit::BLOCK_SIZE), 0);
    image
}

fn write_packages(seeds: &Seeds, image: &[u8], ext4: &[u8]) -> Result<()> {
    let image = padded(image);
    let (list, data) = TransferList::from_image(&image);
    let brotli = compress("brotli", &["-c", "-q", "9"], &data)?;
    let sparse = Sparse::from_image(&image, 4096).build();
    let in_super = Super::new()
        .metadata_max_size(4096)
        .partition("system_a", image.as_slice())
        .build();
    let parts = sparse::split(&in_super, 4096, 2);
    let inner = Zip::new().deflated("system.img", image.as_slice()).build();
    let payload = |partition| Package::payload(props()).partition(partition);
    let xz = compress("xz", &["-c", "--check=crc32"], &image)?;
    let ext4 = padded(ext4);
    let ext4_xz = compress("xz", &["-c", "--check=crc32"], &ext4)?;
    let gz = compress("gzip", &["-nc"], &sparse)?;
    let new_dat = |name| format!("system.new.dat{name}");
    let block = || Package::block(lineage("17.1", 29)).transfer_list(&list);
    let packages = [
        ("files", Package::files(lineage("11", 19))),
        ("block-old", Package::block(lineage("16.0", 28))),
        ("block", block().new_dat(data.as_slice())),
        ("block-br", block().new_dat_br(brotli)),
        (
            "block-parts",
            block()
                .add(Entry::stored(&new_dat(".0"), &data[..4096]))
                .add(Entry::stored(&new_dat(".1"), &data[4096..])),
        ),
        (
            "block-product",
            block()
                .new_dat(data.as_slice())
                .block_partition("product", image.as_slice())
                .with_dynamic_op_list("resize product 65536\n"),
        ),
        ("payload", payload(Partition::new("system").replace(&image))),
        (
            "payload-xz",
            payload(Partition::new("system").encoded(op::REPLACE_XZ, xz, &image)),
        ),
        (
            "payload-ext4",
            payload(Partition::new("system").encoded(op::REPLACE_XZ, ext4_xz, &ext4)),
        ),
        ("delta", Package::payload(props()).delta("eng.0", "a/b/c")),
        (
            "delta-block",
            Package::block(lineage("16.0", 28)).delta("eng.0", "a/b/c"),
        ),
        (
            "images",
            Package::images(props()).named_image("system.img", image.as_slice()),
        ),
        (
            "images-sparse",
            Package::images(props()).stored_image("system.img", sparse),
        ),
        (
            "images-gz",
            Package::images(props()).stored_image("system.img.gz", gz),
        ),
        (
            "super",
            Package::images(props()).named_image("super.img", in_super),
        ),
        (
            "super-parts",
            Package::images(props())
                .named_image("super_1.img", parts[0].as_slice())
                .named_image("super_2.img", parts[1].as_slice()),
        ),
    ];
    for (name, package) in packages {
        let zip = package.build();
        seeds.write("package", name, &zip)?;
    }
    // Looked into only where no image lies beside it.
    let zip = Zip::new()
        .stored("META-INF/com/google/android/update-binary", "")
        .stored("images.zip", inner);
    seeds.write("package", "inner-zip", &zip.build())?;
    let small = Zip::new()
        .stored("a", "stored")
        .deflated("b/c", "deflated ".repeat(9));
    let forms = [
        ("plain", small.clone()),
        ("zip64", small.clone().zip64_end()),
        ("comment", small.comment("a comment")),
        (
            "files",
            Zip::new()
                .entry(Entry::stored("d", "x").zip64())
                .entry(Entry::deflated("e", "yy").data_descriptor()),
        ),
        (
            "duplicate",
            Zip::new()
                .stored("a", "1")
                .stored("a", "2")
                .stored("payload.bin", ""),
        ),
        (
            "odd",
            Zip::new()
                .entry(Entry::stored("f", "x").encrypted())
                .entry(Entry::stored("g", "x").method(12)),
        ),
    ];
    for (name, zip) in forms {
        seeds.write("zip", name, &zip.build())?;
    }
    seeds.write("zip", "package", &Package::files(props()).build())
}

fn write_images(seeds: &Seeds) -> Result<()> {
    let block = noise(3, testkit::BLOCK_SIZE);
    let text = padded(props().text().as_bytes());
    let operation = |kind, data: Vec<u8>, first, len: usize| {
        Operation::new(kind)
            .data(data)
            .data_hash([])
            .dst(&[(first, len as u64 / 4096)])
    };
    let xz = compress("xz", &["-c", "--check=crc32"], &text)?;
    let bz = compress("bzip2", &["-c"], &text)?;
    let zstd = compress("zstd", &["-qc"], &text)?;
    let len = text.len();
    let system = Partition::new("system")
        .operation(operation(op::REPLACE_XZ, xz.clone(), 0, len))
        .operation(operation(op::REPLACE_BZ, bz, 1, len))
        .operation(operation(14, zstd, 2, len))
        .operation(operation(op::REPLACE, block.clone(), 3, 4096))
        .zero(2);
    let scattered = Operation::new(op::REPLACE_XZ)
        .data(compress(
            "xz",
            &["-c"],
            &[text.clone(), block.clone()].concat(),
        )?)
        .dst(&[(2, 1), (0, 1)]);
    let payloads = [
        ("all", Payload::new().unsigned().partition(system)),
        (
            "hashed",
            Payload::new()
                .partition(Partition::new("a").encoded(op::REPLACE_XZ, xz, &text))
                .partition(Partition::new("b").zero(3)),
        ),
        (
            "scattered",
            Payload::new()
                .unsigned()
                .partition(Partition::new("a").operation(scattered).zero(1)),
        ),
        (
            "delta",
            Payload::new()
                .unsigned()
                .minor_version(8)
                .partition(Partition::new("a").source_copy(&[(0, 1)], &block)),
        ),
    ];
    for (name, payload) in payloads {
        seeds.write("payload", name, &payload.build())?;
    }
    let forms = [
        (
            "chunks",
            Sparse::new(4096)
                .raw(block.as_slice())
                .fill(0x3938_3736, 2)
                .dont_care(3)
                .crc32()
                .build(),
        ),
        (
            "4",
            Sparse::new(4)
                .raw(*b"12345678")
                .fill(7, 3)
                .dont_care(2)
                .build(),
        ),
        (
            "headers",
            Sparse::new(1024)
                .raw(noise(4, 1024))
                .dont_care(9)
                .header_size(32)
                .chunk_header_size(20)
                .build(),
        ),
        ("split", sparse::split(&noise(5, 6 * 512), 512, 3).concat()),
    ];
    for (name, image) in forms {
        seeds.write("sparse", name, &image)?;
    }
    let small = || Super::new().metadata_max_size(1024).slots(2);
    let forms = [
        (
            "small",
            small()
                .partition("system_a", text.as_slice())
                .empty("system_b"),
        ),
        (
            "extents",
            small().partition_in_extents(
                "a",
                [noise(1, 512), vec![0; 1024], noise(2, 1024)].concat(),
                &[1, 2, 2],
            ),
        ),
        (
            "minor2",
            small()
                .minor(2)
                .flags(1)
                .partition("a", [1; 512])
                .disabled("a"),
        ),
        (
            "backup",
            small()
                .partition("a", [1; 512])
                .corrupt_geometry()
                .corrupt_primary_metadata(),
        ),
    ];
    for (name, image) in forms {
        seeds.write("super_image", name, &image.build())?;
    }
    Ok(())
}

fn write_texts(seeds: &Seeds) -> Result<()> {
    let image = [noise(1, 4096), vec![0; 8192], noise(2, 8192)].concat();
    for version in 1..=4 {
        let (list, _) = TransferList::from_image_version(&image, version);
        seeds.write("transfer_list", &format!("v{version}"), list.as_bytes())?;
    }
    let (shuffled, _) = TransferList::from_image_shuffled(&image, 4);
    seeds.write("transfer_list", "shuffled", shuffled.as_bytes())?;
    seeds.write(
        "transfer_list",
        "delta",
        b"4\n2\n0\n0\nstash a 2,0,1\nmove 2,0,1 1 2,5,6\nerase 2,0,9\nfree a\n",
    )?;
    seeds.write(
        "transfer_list",
        "op-list",
        b"# all\nremove_all_groups\nresize system 65536\n",
    )?;
    let texts = [
        ("21", props()),
        ("11", lineage("11", 19)),
        ("product", props().partition("product")),
    ];
    for (name, props) in &texts {
        seeds.write("props", name, props.text().as_bytes())?;
    }
    let all: Vec<String> = texts.iter().map(|(_, props)| props.text()).collect();
    seeds.write("props", "several", all.join("\0").as_bytes())?;
    seeds.write(
        "manifest",
        "pinned",
        b"<manifest><remote name='a' revision='r'/><default remote='a' revision='d'/>\
          <project name='x/art' path='art' revision='1'><project name='y&amp;'/></project></manifest>",
    )?;
    let metadata = Metadata::new()
        .ota_type("AB")
        .device("fog,wind|rain")
        .timestamp(1_664_984_464)
        .incremental("1664984471")
        .pre_incremental("1660000000")
        .sdk(33)
        .security_patch("2022-09-05")
        .property_files("metadata:69:683     ");
    seeds.write("metadata", "text", metadata.text().as_bytes())?;
    seeds.write("metadata", "pb", &metadata.pb())
}

/// The first byte is the decoder's number in the target.
fn write_streams(seeds: &Seeds) -> Result<()> {
    let text = [props().text().into_bytes(), noise(1, 300)].concat();
    let long = props().text().repeat(12).into_bytes();
    let streams: [(&str, u8, &str, &[&str]); 12] = [
        ("gzip", 1, "gzip", &["-nc"]),
        ("brotli", 2, "brotli", &["-c", "-q", "9"]),
        ("brotli-fast", 2, "brotli", &["-c", "-q", "1"]),
        ("xz", 3, "xz", &["-c", "--check=crc32"]),
        ("xz-none", 3, "xz", &["-c", "--check=none", "-0"]),
        (
            "xz-x86",
            3,
            "xz",
            &["-c", "--check=crc64", "--x86", "--lzma2"],
        ),
        (
            "xz-arm64",
            3,
            "xz",
            &[
                "-c",
                "--check=sha256",
                "--arm64",
                "--delta=dist=4",
                "--lzma2",
            ],
        ),
        ("lzma", 4, "xz", &["-c", "--format=lzma"]),
        ("zstd", 5, "zstd", &["-qc"]),
        ("zstd-best", 5, "zstd", &["-qc", "-19", "--no-check"]),
        ("bzip2", 6, "bzip2", &["-c"]),
        ("bzip2-1", 6, "bzip2", &["-1c"]),
    ];
    for (name, number, program, args) in streams {
        for (suffix, contents) in [("", &text), ("-long", &long)] {
            let stream = compress(program, args, contents)?;
            let input = [vec![number], stream].concat();
            seeds.write("codec", &format!("{name}{suffix}"), &input)?;
            if name == "gzip" {
                // Without the frame, and with two.
                let raw = [&[0], &input[11..input.len() - 8]].concat();
                seeds.write("codec", &format!("deflate{suffix}"), &raw)?;
                let twice = [&input, &input[1..]].concat();
                seeds.write("codec", &format!("gzip-twice{suffix}"), &twice)?;
            }
        }
    }
    Ok(())
}
