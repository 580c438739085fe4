//! Seeds of packages and their parts: zips, images, file systems, texts, compressed streams.

use testkit::{
    fuzz::Seeds,
    metadata::Metadata,
    noise,
    package::Package,
    payload::{Operation, Partition, Payload, op},
    sparse::{self, Sparse},
    super_image::Super,
    transfer_list::TransferList,
    zip::{Entry, Zip},
};

use super::{Fixtures, Result, lineage, props};

/// Images of ext2 to ext4 that are short in sparse form.
const EXT4: [&str; 4] = ["ext4-product", "ext4-manifest", "ext4-inline", "ext3-flat"];

/// The fixture `ext4-product`, raw and compressed.
struct Product {
    image: Vec<u8>,
    gzip: Vec<u8>,
    brotli: Vec<u8>,
    xz: Vec<u8>,
    lzma: Vec<u8>,
    zstd: Vec<u8>,
    bzip2: Vec<u8>,
}

impl Product {
    fn read(fixtures: &Fixtures) -> Result<Self> {
        let stream = |extension| fixtures.read(&format!("images/ext4-product.img.{extension}"));
        Ok(Self {
            image: fixtures.image("ext4-product")?,
            gzip: stream("gz")?,
            brotli: stream("br")?,
            xz: stream("xz")?,
            lzma: stream("lzma")?,
            zstd: stream("zst")?,
            bzip2: stream("bz2")?,
        })
    }

    fn num_blocks(&self) -> u64 {
        (self.image.len() / testkit::BLOCK_SIZE) as u64
    }
}

/// Adds the seeds.
pub(super) fn write(seeds: &mut Seeds, fixtures: &Fixtures) -> Result<()> {
    let product = Product::read(fixtures)?;
    for name in EXT4 {
        let image = Sparse::from_image(&fixtures.image(name)?, 1024).build();
        seeds.add("ext4", name, &image);
    }
    let erofs = fixtures.image("erofs-product")?;
    seeds.add("erofs", "product", &erofs);
    write_packages(seeds, &erofs, &product);
    write_image_packages(seeds, &erofs, &product);
    write_zips(seeds, &erofs);
    write_payloads(seeds, &product);
    write_sparse(seeds);
    write_supers(seeds);
    write_texts(seeds);
    write_streams(seeds, &product);
    Ok(())
}

/// Whole blocks.
fn padded(image: &[u8]) -> Vec<u8> {
    let mut image = image.to_vec();
    image.resize(image.len().next_multiple_of(testkit::BLOCK_SIZE), 0);
    image
}

fn write_packages(seeds: &mut Seeds, image: &[u8], product: &Product) {
    let (list, data) = TransferList::from_image(image);
    let blocks = product.num_blocks();
    let whole_list = format!("4\n{blocks}\n0\n0\nnew 2,0,{blocks}\n");
    let payload = |partition| Package::payload(props()).partition(partition);
    let encoded = |kind, stream: &Vec<u8>| {
        payload(Partition::new("system").encoded(kind, stream.clone(), &product.image))
    };
    let new_dat = |name| format!("system.new.dat{name}");
    let block = || Package::block(lineage("17.1", 29));
    let packages = [
        ("files", Package::files(lineage("11", 19))),
        ("block-old", Package::block(lineage("16.0", 28))),
        (
            "block",
            block().transfer_list(&list).new_dat(data.as_slice()),
        ),
        (
            "block-brotli",
            block()
                .transfer_list(&whole_list)
                .new_dat_br(product.brotli.as_slice()),
        ),
        (
            "block-parts",
            block()
                .transfer_list(&list)
                .add(Entry::stored(&new_dat(".0"), &data[..4096]))
                .add(Entry::stored(&new_dat(".1"), &data[4096..])),
        ),
        (
            "block-product",
            block()
                .transfer_list(&list)
                .new_dat(data.as_slice())
                .block_partition("product", image)
                .with_dynamic_op_list("resize product 65536\n"),
        ),
        ("payload", payload(Partition::new("system").replace(image))),
        ("payload-xz", encoded(op::REPLACE_XZ, &product.xz)),
        ("payload-bzip2", encoded(op::REPLACE_BZ, &product.bzip2)),
        ("payload-zstd", encoded(op::REPLACE_ZSTD, &product.zstd)),
        ("delta", Package::payload(props()).delta("eng.0", "a/b/c")),
        (
            "delta-block",
            Package::block(lineage("16.0", 28)).delta("eng.0", "a/b/c"),
        ),
    ];
    for (name, package) in packages {
        seeds.add("package", name, &package.build());
    }
}

fn write_image_packages(seeds: &mut Seeds, image: &[u8], product: &Product) {
    let sparse = Sparse::from_image(image, 4096).build();
    let in_super = Super::new()
        .metadata_max_size(4096)
        .partition("system_a", image)
        .build();
    let parts = sparse::split(&in_super, 4096, 2);
    let packages = [
        (
            "images",
            Package::images(props()).named_image("system.img", image),
        ),
        (
            "images-sparse",
            Package::images(props()).stored_image("system.img", sparse),
        ),
        (
            "images-gzip",
            Package::images(props()).stored_image("system.img.gz", product.gzip.as_slice()),
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
        seeds.add("package", name, &package.build());
    }
}

fn write_zips(seeds: &mut Seeds, image: &[u8]) {
    // An inner zip is opened only if there is no image next to it.
    let inner = Zip::new().deflated("system.img", image).build();
    let zip = Zip::new()
        .stored("META-INF/com/google/android/update-binary", "")
        .stored("images.zip", inner);
    seeds.add("package", "inner-zip", &zip.build());
    let small = Zip::new()
        .stored("a", "stored")
        .deflated("b/c", "deflated ".repeat(9));
    let forms = [
        ("plain", small.clone()),
        ("zip64", small.clone().zip64_end()),
        ("comment", small.comment("a comment")),
        (
            "zip64-entry-and-data-descriptor",
            Zip::new()
                .entry(Entry::stored("d", "x").zip64())
                .entry(Entry::deflated("e", "yy").data_descriptor()),
        ),
        (
            "name-twice",
            Zip::new()
                .stored("a", "1")
                .stored("a", "2")
                .stored("payload.bin", ""),
        ),
        (
            "encrypted-and-bzip2",
            Zip::new()
                .entry(Entry::stored("f", "x").encrypted())
                .entry(Entry::stored("g", "x").method(12)),
        ),
    ];
    for (name, zip) in forms {
        seeds.add("zip", name, &zip.build());
    }
    seeds.add("zip", "package", &Package::files(props()).build());
}

fn write_payloads(seeds: &mut Seeds, product: &Product) {
    let block = noise(3, testkit::BLOCK_SIZE);
    let blocks = product.num_blocks();
    let operation = |kind, data: &[u8], first, num_blocks| {
        Operation::new(kind)
            .data(data)
            .data_hash([])
            .dst(&[(first, num_blocks)])
    };
    let all = Partition::new("system")
        .operation(operation(op::REPLACE_XZ, &product.xz, 0, blocks))
        .operation(operation(op::REPLACE_BZ, &product.bzip2, blocks, blocks))
        .operation(operation(
            op::REPLACE_ZSTD,
            &product.zstd,
            2 * blocks,
            blocks,
        ))
        .operation(operation(op::REPLACE, &block, 3 * blocks, 1))
        .operation(Operation::new(op::ZERO).dst(&[(3 * blocks + 1, 2)]));
    let half = blocks / 2;
    let scattered = Partition::new("a").operation(
        Operation::new(op::REPLACE_XZ)
            .data(product.xz.as_slice())
            .dst(&[(half, blocks - half), (0, half)]),
    );
    let payloads = [
        ("all", Payload::new().unsigned().partition(all)),
        (
            "hashed",
            Payload::new()
                .partition(Partition::new("a").replace(&block))
                .partition(Partition::new("b").zero(3)),
        ),
        ("scattered", Payload::new().unsigned().partition(scattered)),
        (
            "delta",
            Payload::new()
                .unsigned()
                .minor_version(8)
                .partition(Partition::new("a").source_copy(&[(0, 1)], &block)),
        ),
    ];
    for (name, payload) in payloads {
        seeds.add("payload", name, &payload.build());
    }
}

fn write_sparse(seeds: &mut Seeds) {
    let block = noise(3, testkit::BLOCK_SIZE);
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
        seeds.add("sparse", name, &image);
    }
}

fn write_supers(seeds: &mut Seeds) {
    let text = padded(props().text().as_bytes());
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
        seeds.add("super_image", name, &image.build());
    }
}

fn write_texts(seeds: &mut Seeds) {
    let image = [noise(1, 4096), vec![0; 8192], noise(2, 8192)].concat();
    for version in 1..=4 {
        let (list, _) = TransferList::from_image_version(&image, version);
        seeds.add("transfer_list", &format!("v{version}"), list.as_bytes());
    }
    let (shuffled, _) = TransferList::from_image_shuffled(&image, 4);
    seeds.add("transfer_list", "shuffled", shuffled.as_bytes());
    seeds.add(
        "transfer_list",
        "delta",
        b"4\n2\n0\n0\nstash a 2,0,1\nmove 2,0,1 1 2,5,6\nerase 2,0,9\nfree a\n",
    );
    seeds.add(
        "transfer_list",
        "op-list",
        b"# all\nremove_all_groups\nresize system 65536\n",
    );
    let texts = [
        ("21", props()),
        ("11", lineage("11", 19)),
        ("product", props().partition("product")),
    ];
    for (name, props) in &texts {
        seeds.add("props", name, props.text().as_bytes());
    }
    let all: Vec<String> = texts.iter().map(|(_, props)| props.text()).collect();
    seeds.add("props", "several", all.join("\0").as_bytes());
    let metadata = Metadata::new()
        .ota_type("AB")
        .device("fog,wind|rain")
        .timestamp(1_664_984_464)
        .incremental("1664984471")
        .pre_incremental("1660000000")
        .sdk(33)
        .security_patch("2022-09-05")
        .property_files("metadata:69:683     ");
    seeds.add("metadata", "text", metadata.text().as_bytes());
    seeds.add("metadata", "protobuf", &metadata.pb());
}

/// The first byte is the decoder's number in the target.
fn write_streams(seeds: &mut Seeds, product: &Product) {
    let mut add = |name, number: u8, stream: &[u8]| {
        seeds.add("codec", name, &[&[number], stream].concat());
    };
    // Without the header of ten bytes and the checksum; and two members.
    let gzip = &product.gzip;
    add("deflate", 0, &gzip[10..gzip.len() - 8]);
    add("gzip", 1, gzip);
    add("gzip-two-members", 1, &[gzip.as_slice(), gzip].concat());
    add("brotli", 2, &product.brotli);
    add("xz", 3, &product.xz);
    add("lzma", 4, &product.lzma);
    add("zstd", 5, &product.zstd);
    add("bzip2", 6, &product.bzip2);
}
