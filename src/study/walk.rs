//! Files below the paths that the user names.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::StudyError;
use super::storage::{Entry, Storage};

/// Folders deeper than this below the named one are not entered.
const MAX_DEPTH: usize = 64;

/// A file to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub path: PathBuf,
    /// Index of the argument that led here.
    pub argument: usize,
    /// Whether the user named this very file (then it is an error if it is no image).
    pub named: bool,
}

/// Collects files, each once however many links lead to it.
pub(super) struct Walk<'a> {
    storage: &'a dyn Storage,
    seen: HashSet<PathBuf>,
    pub files: Vec<Candidate>,
    pub failed: Vec<StudyError>,
}

impl<'a> Walk<'a> {
    pub fn new(storage: &'a dyn Storage) -> Self {
        Self { storage, seen: HashSet::new(), files: Vec::new(), failed: Vec::new() }
    }

    /// Adds the file, or all files below the folder in natural order.
    pub fn add(&mut self, path: &Path, argument: usize) {
        self.visit(path, argument, 0);
    }

    /// Adds a file that a directory file in `folder` refers to. Names are compared without regard to case where
    /// the exact one is not there, since media made on one system are read on another.
    pub fn add_reference(&mut self, folder: &Path, reference: &Path, argument: usize) {
        match resolve(self.storage, folder, reference) {
            Ok(path) => self.visit(&path, argument, 1),
            Err(source) => self.failed.push(StudyError::Io { path: folder.join(reference), source }),
        }
    }

    fn visit(&mut self, path: &Path, argument: usize, depth: usize) {
        if let Err(source) = self.try_visit(path, argument, depth) {
            self.failed.push(StudyError::Io { path: path.to_path_buf(), source });
        }
    }

    fn try_visit(&mut self, path: &Path, argument: usize, depth: usize) -> io::Result<()> {
        let entry = self.storage.entry(path)?;
        // A link back to a folder above has the same canonical name and ends here.
        if !self.seen.insert(self.storage.canonical(path)?) {
            return Ok(());
        }
        match entry {
            Entry::File(_) => {
                self.files.push(Candidate { path: path.to_path_buf(), argument, named: depth == 0 });
            }
            Entry::Folder if depth >= MAX_DEPTH => {
                return Err(io::Error::other(format!("folders are nested more than {MAX_DEPTH} deep")));
            }
            Entry::Folder => {
                let mut children = self.storage.list(path)?;
                children.sort_by(|a, b| natural_order(&a.to_string_lossy(), &b.to_string_lossy()));
                for child in children {
                    self.visit(&child, argument, depth + 1);
                }
            }
        }
        Ok(())
    }
}

/// `folder/reference` as it is spelt on this storage.
fn resolve(storage: &dyn Storage, folder: &Path, reference: &Path) -> io::Result<PathBuf> {
    let mut path = folder.to_path_buf();
    for component in reference.components() {
        let Component::Normal(name) = component else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a directory file may only refer to files below it",
            ));
        };
        let exact = path.join(name);
        if storage.entry(&exact).is_ok() {
            path = exact;
            continue;
        }
        let wanted = name.to_string_lossy();
        let alike =
            |child: &PathBuf| child.file_name().is_some_and(|n| n.to_string_lossy().eq_ignore_ascii_case(&wanted));
        path = storage.list(&path)?.into_iter().find(alike).ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, "a directory file refers to it and it is not there")
        })?;
    }
    Ok(path)
}

/// Order of names as people count: `slice2` before `slice10`; case is disregarded at first.
pub(super) fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (Some(l), Some(r)) = (left.chars().next(), right.chars().next()) else {
            return left.len().cmp(&right.len()).then_with(|| a.cmp(b));
        };
        if l.is_ascii_digit() && r.is_ascii_digit() {
            let (left_number, left_rest) = split_digits(left);
            let (right_number, right_rest) = split_digits(right);
            // Without leading zeros the longer number is the larger one; equal lengths compare as text.
            let order = left_number.len().cmp(&right_number.len()).then_with(|| left_number.cmp(right_number));
            if order != Ordering::Equal {
                return order;
            }
            (left, right) = (left_rest, right_rest);
        } else {
            let order = l.to_lowercase().cmp(r.to_lowercase());
            if order != Ordering::Equal {
                return order;
            }
            (left, right) = (&left[l.len_utf8()..], &right[r.len_utf8()..]);
        }
    }
}

/// The leading number without its leading zeros, and what follows it.
fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (text[..end].trim_start_matches('0'), &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::{Disk, Memory};

    fn names(walk: &Walk) -> Vec<String> {
        walk.files.iter().map(|f| f.path.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn numbers_in_names_count() {
        let mut names = ["s10", "s2", "S1", "s02b", "a", "s2 copy", "s"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(names, ["a", "s", "S1", "s2", "s2 copy", "s02b", "s10"]);
    }

    #[test]
    fn folders_are_walked_and_files_taken_once() {
        let mut memory = Memory::new();
        for path in ["d/10.png", "d/9.png", "d/sub/1.png"] {
            memory.insert(path, vec![0]);
        }
        let mut walk = Walk::new(&memory);
        walk.add(Path::new("d"), 0);
        walk.add(Path::new("d/9.png"), 1);
        walk.add(Path::new("missing"), 2);
        assert_eq!(names(&walk), ["d/9.png", "d/10.png", "d/sub/1.png"]);
        assert_eq!(walk.failed.len(), 1);
    }

    #[test]
    fn references_ignore_case_and_stay_below() {
        let mut memory = Memory::new();
        memory.insert("cd/Dicom/im0001", vec![0]);
        let mut walk = Walk::new(&memory);
        walk.add_reference(Path::new("cd"), Path::new("DICOM/IM0001"), 0);
        walk.add_reference(Path::new("cd"), Path::new("DICOM/IM0002"), 0);
        walk.add_reference(Path::new("cd"), Path::new("../secret"), 0);
        assert_eq!(names(&walk), ["cd/Dicom/im0001"]);
        assert_eq!(walk.failed.len(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_folder_above_ends() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), b"x").unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("a"), folder.path().join("b")).unwrap();
        let mut walk = Walk::new(&Disk);
        walk.add(folder.path(), 0);
        assert_eq!(walk.files.len(), 1);
        assert!(walk.failed.is_empty());
    }
}
