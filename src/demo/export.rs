//! The demo study as files on the disk: DICOM, MRNet-like stacks and lesion masks.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::knee::render::{Knee, SIDE, View};
use super::skin::{COLUMNS, ROWS, photograph};
use super::study::{Content, content};
use crate::export::npy;
use crate::study::{Entry, Storage};

/// The demo could not be written.
#[derive(Debug, thiserror::Error)]
#[error("The demo study could not be written: {source} ({path})")]
pub struct ExportError {
    path: PathBuf,
    source: io::Error,
}

/// Writes the embedded studies below `folder`: each DICOM file at its own path (`knee/torn/sagittal/007.dcm`), each
/// knee plane as `sagittal.npy` (u8, slices × 256 × 256, through the DICOM files' window) with `sagittal.mask.npy`,
/// and a mask for each photograph. Returns the number of files.
///
/// # Errors
/// Where the folder cannot be written to.
pub fn export(folder: &Path) -> Result<usize, ExportError> {
    let mut count = 0;
    let storage = super::storage();
    for (from, _, content) in content() {
        let to = folder.join(from.trim_start_matches("demo:/"));
        count += copy(storage.as_ref(), Path::new(from), &to)?;
        match content {
            Content::Knee { seed, finding } => {
                let knee = Knee::new(seed, finding);
                for view in View::ALL {
                    let shape = [view.slices(), SIDE, SIDE];
                    let (mut shown, mut masks) = (Vec::new(), Vec::new());
                    for slice in 0..view.slices() {
                        shown.extend(knee.slice8(view, slice));
                        masks.extend(knee.mask(view, slice, |_| true).into_iter().map(u8::from));
                    }
                    write_npy(&to.join(format!("{}.npy", view.name())), &shape, &shown)?;
                    write_npy(&to.join(format!("{}.mask.npy", view.name())), &shape, &masks)?;
                    count += 2;
                }
            }
            Content::Skin(pictures) => {
                for (number, (name, _, case)) in (1..).zip(pictures) {
                    let mask: Vec<u8> = photograph(&case).lesion.into_iter().map(u8::from).collect();
                    let path = to.join(format!("{number:02}-{name}.mask.npy"));
                    write_npy(&path, &[ROWS, COLUMNS], &mask)?;
                    count += 1;
                }
            }
        }
    }
    Ok(count)
}

/// Copies a file, or a folder with all that is in it, to the disk.
fn copy(storage: &dyn Storage, from: &Path, to: &Path) -> Result<usize, ExportError> {
    let failed = |source| ExportError { path: to.to_path_buf(), source };
    if let Entry::File(_) = storage.entry(from).map_err(failed)? {
        fs::write(to, storage.read(from).map_err(failed)?).map_err(failed)?;
        return Ok(1);
    }
    fs::create_dir_all(to).map_err(failed)?;
    let mut count = 0;
    for path in storage.list(from).map_err(failed)? {
        count += copy(storage, &path, &to.join(path.file_name().unwrap_or_default()))?;
    }
    Ok(count)
}

fn write_npy(path: &Path, shape: &[usize], values: &[u8]) -> Result<(), ExportError> {
    npy::write(path, shape, values)
        .map_err(|error| ExportError { path: path.to_path_buf(), source: io::Error::other(error) })
}
