//! Folders as values: all files with their bytes.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Files by their paths, with `/` between folders. Empty folders are left out.
pub type Tree = BTreeMap<String, Vec<u8>>;

/// Reads all files below a folder, except those under the names `except` at its top.
pub fn read(root: &Path, except: &[&str]) -> io::Result<Tree> {
    let mut files = Tree::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in list(&root.join(&folder))? {
            let path = format!("{folder}{entry}");
            let file = root.join(&path);
            match file.symlink_metadata() {
                _ if except.contains(&path.as_str()) => {}
                Ok(metadata) if metadata.is_dir() => folders.push(format!("{path}/")),
                Ok(_) => {
                    files.insert(path, std::fs::read(&file)?);
                }
                // A concurrent run removed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(files)
}

/// Makes a folder hold exactly these files, apart from those under the names `except`.
///
/// Files that are already right are left alone, and so are folders, which may be mounted.
pub fn restore(root: &Path, except: &[&str], files: &Tree) -> io::Result<()> {
    remove_others(root, except, files, "")?;
    for (path, bytes) in files {
        let file = root.join(path);
        if std::fs::read(&file).ok().as_ref() == Some(bytes) {
            continue;
        }
        std::fs::create_dir_all(file.parent().unwrap_or(root))?;
        std::fs::write(file, bytes)?;
    }
    Ok(())
}

/// Removes other files, and folders that become empty.
fn remove_others(root: &Path, except: &[&str], files: &Tree, folder: &str) -> io::Result<()> {
    for entry in list(&root.join(folder))? {
        let path = format!("{folder}{entry}");
        let file = root.join(&path);
        if except.contains(&path.as_str()) {
            continue;
        }
        if file.symlink_metadata()?.is_dir() {
            remove_others(root, except, files, &format!("{path}/"))?;
            // A folder that cannot be removed is in use.
            let _ = std::fs::remove_dir(&file);
        } else if !files.contains_key(&path) {
            std::fs::remove_file(&file)?;
        }
    }
    Ok(())
}

fn list(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}
