//! Damaged DICOM files: each is read as far as it goes or refused with a sentence; nothing panics.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use glassbox::study::StudyError;
use glassbox::study::dicom::{DicomFile, dicomdir};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Reads all that there is to read, up to three frames.
fn read(path: &Path, bytes: &Arc<[u8]>) -> Result<usize, StudyError> {
    let file = DicomFile::parse(path, bytes)?;
    if file.is_directory() {
        return file.references().map(|references| references.len());
    }
    let instances = file.instances()?;
    for frame in 0..instances.len().min(3) {
        file.pixels(frame)?;
    }
    Ok(instances.len())
}

/// A message is one sentence of sensible length that ends in the path.
fn assert_is_a_sentence(error: &StudyError, path: &Path) {
    let text = error.to_string();
    assert!(text.ends_with(&path.display().to_string()), "{text}");
    assert!(text.len() - path.as_os_str().len() < 300 && !text.contains('\n') && !text.contains("panicked"), "{text}");
}

fn files(folder: &Path, largest_bytes: u64) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok);
    let small =
        entries.filter(|entry| entry.metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= largest_bytes));
    small.map(walkdir::DirEntry::into_path).collect()
}

#[test]
fn malformed_files_are_read_or_refused() {
    let Some(shared) = common::shared() else { return };
    for path in files(&shared.join("data/malformed"), u64::MAX) {
        let bytes: Arc<[u8]> = std::fs::read(&path).unwrap().into();
        match read(&path, &bytes) {
            Ok(count) => println!("{}: {count}", path.display()),
            Err(error) => {
                println!("{error}");
                assert_is_a_sentence(&error, &path);
            }
        }
    }
}

/// Every file of the test data up to 20 kB with bits flipped, and cut at some lengths; the seed is fixed.
#[test]
fn bit_flips_and_cuts_do_not_panic() {
    let Some(shared) = common::shared() else { return };
    let rounds: usize = std::env::var("GLASSBOX_FUZZ_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    let mut random = ChaCha8Rng::seed_from_u64(7);
    for path in files(&shared.join("data/dicom"), 20_000) {
        let whole = std::fs::read(&path).unwrap();
        for _ in 0..rounds {
            let mut damaged = whole.clone();
            for _ in 0..random.random_range(1..6) {
                let at = random.random_range(0..damaged.len());
                damaged[at] ^= 1 << random.random_range(0..8);
            }
            if random.random_bool(0.3) {
                damaged.truncate(random.random_range(0..=whole.len()));
            }
            if let Err(error) = read(&path, &damaged.into()) {
                assert_is_a_sentence(&error, &path);
            }
        }
    }
}

/// A small file cut at every length: it never panics, and once all headers are there the image is shown.
#[test]
fn a_file_cut_at_every_length() {
    let Some(shared) = common::shared() else { return };
    for name in ["SC_rgb_small_odd.dcm", "SC_rgb_small_odd_jpeg.dcm", "JPEGLSNearLossless_08.dcm", "SC_rgb_rle.dcm"] {
        let path = shared.join("data/dicom/pydicom").join(name);
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(read(&path, &whole.clone().into()).unwrap(), 1);
        for length in 0..whole.len() {
            if let Err(error) = read(&path, &whole[..length].into()) {
                assert_is_a_sentence(&error, &path);
            }
        }
    }
}

/// The directories of the test data list the same files, however they are written.
#[test]
fn directories_list_their_files() {
    let Some(shared) = common::shared() else { return };
    let folder = shared.join("data/series/dicomdir");
    let list = |name: &str| {
        let path = folder.join(name);
        dicomdir(&path, &std::fs::read(&path).unwrap().into()).unwrap()
    };
    let plain = list("DICOMDIR");
    assert_eq!(plain.len(), 31);
    assert!(plain.iter().all(|file| folder.join(file).is_file()), "{plain:?}");
    for name in ["DICOMDIR-bigEnd", "DICOMDIR-implicit", "DICOMDIR-nooffset", "DICOMDIR-nopatient"] {
        assert_eq!(list(name), plain, "{name}");
    }
    let sorted = |mut files: Vec<PathBuf>| {
        files.sort();
        files
    };
    assert_eq!(sorted(list("DICOMDIR-reordered")), sorted(plain));
    assert_eq!(list("DICOMDIR-empty.dcm"), Vec::<PathBuf>::new());
    assert_eq!(list("TINY_ALPHA/DICOMDIR").len(), 50);
}
