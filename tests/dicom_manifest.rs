//! Every DICOM file of the test data against what pydicom decodes (MANIFEST.tsv): read or not, equal or not.
//!
//! `cargo test --test dicom_manifest -- --nocapture` prints the table.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use glassbox::study::Pixels;
use glassbox::study::dicom::DicomFile;
use sha1::{Digest, Sha1};

/// One line of a manifest.
struct Line {
    path: String,
    syntax: String,
    decodes: bool,
    has_pixels: bool,
    shape: Vec<usize>,
    dtype: String,
    min: f64,
    max: f64,
    mean: f64,
    hash: String,
}

fn manifest(folder: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(folder.join("MANIFEST.tsv")).expect("a manifest");
    let line = |text: &str| {
        let field: Vec<&str> = text.split('\t').collect();
        let number = |at: usize| field.get(at).and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
        let shape = field.get(16).copied().unwrap_or_default();
        Line {
            path: field[0].to_owned(),
            syntax: field[4].to_owned(),
            decodes: field[15] == "ok",
            has_pixels: field[15] != "no pixel data",
            shape: shape.trim_matches(['(', ')']).split(',').filter_map(|part| part.parse().ok()).collect(),
            dtype: field.get(17).copied().unwrap_or_default().to_owned(),
            min: number(18),
            max: number(19),
            mean: number(20),
            hash: field.get(21).copied().unwrap_or_default().trim().to_owned(),
        }
    };
    text.lines().skip(1).filter(|text| !text.is_empty()).map(line).collect()
}

/// What this program makes of all frames of a file.
struct Ours {
    frames: Vec<Pixels>,
}

impl Ours {
    fn read(path: &Path) -> Result<Self, String> {
        let bytes: Arc<[u8]> = std::fs::read(path).expect("a file of the manifest").into();
        let file = DicomFile::parse(path, &bytes).map_err(|error| error.to_string())?;
        let instances = file.instances().map_err(|error| error.to_string())?;
        let pixels = |frame| file.pixels(frame).map_err(|error| error.to_string());
        Ok(Self { frames: (0..instances.len()).map(pixels).collect::<Result<_, _>>()? })
    }

    fn shape(&self) -> Vec<usize> {
        let Pixels { rows, columns, samples, .. } = self.frames[0];
        let mut shape = vec![self.frames.len(), rows, columns, samples];
        shape.retain(|length| *length > 1);
        shape
    }

    /// The first 16 hex digits of the SHA-1 of all values; big endian where the manifest's array is.
    fn hash(&self, big_endian: bool) -> String {
        let mut sha1 = Sha1::new();
        for frame in &self.frames {
            let mut bytes = frame.stored.little_endian_bytes();
            if big_endian {
                let width = bytes.len() / frame.stored.len();
                bytes.chunks_mut(width).for_each(<[u8]>::reverse);
            }
            sha1.update(bytes);
        }
        sha1.finalize().iter().take(8).fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Whether min, max and mean agree: within 2 for 8 bits, else within 1 % of the range.
    fn agrees(&self, line: &Line) -> Result<(), String> {
        let frames = self.frames.iter().filter_map(|frame| frame.stored.statistics());
        let all = frames.reduce(|all, frame| all.with(&frame)).unwrap_or_default();
        let (min, max, mean) = (all.min, all.max, all.mean());
        let tolerance = if line.dtype.ends_with("int8") { 2.0 } else { (line.max - line.min) * 0.01 };
        let near = |ours: f64, theirs: f64| (ours - theirs).abs() <= tolerance;
        if near(min, line.min) && near(max, line.max) && near(mean, line.mean) {
            return Ok(());
        }
        Err(format!("{min} .. {max}, mean {mean:.4}; pydicom {} .. {}, mean {}", line.min, line.max, line.mean))
    }
}

fn is_lossy(syntax: &str) -> bool {
    let names = [
        "JPEG Baseline",
        "JPEG Extended",
        "JPEG Spectral",
        "JPEG Full",
        "Near-Lossless",
        "JPEG 2000 Image Compression",
    ];
    names.iter().any(|name| syntax.contains(name)) && !syntax.contains("Lossless Only")
}

#[test]
fn every_file_is_as_pydicom_decodes_it() {
    let Some(shared) = common::shared() else { return };
    let (mut table, mut wrong) = (String::new(), Vec::new());
    let mut tally = [0; 4];
    for folder in ["dicom", "wg04", "series", "malformed"] {
        let folder = shared.join("data").join(folder);
        for line in manifest(&folder) {
            let path = folder.join(&line.path);
            if !path.is_file() {
                continue;
            }
            let (read, equal) = match Ours::read(&path) {
                Err(reason) => {
                    let sentence = reason.split(": /").next().unwrap_or_default().to_owned();
                    if line.decodes {
                        wrong.push(format!("{}: {sentence}", line.path));
                    }
                    (format!("no: {sentence}"), if line.has_pixels { "-" } else { "no image" }.to_owned())
                }
                Ok(ours) => {
                    let notes = ours.frames.iter().flat_map(|frame| &frame.notes).next().cloned().unwrap_or_default();
                    let mut shape = line.shape.clone();
                    shape.retain(|length| *length > 1);
                    let verdict = if !line.decodes {
                        "pydicom does not read it".to_owned()
                    } else if ours.shape() != shape {
                        format!("WRONG shape {:?}", ours.shape())
                    } else if ours.hash(line.dtype.starts_with('>')) == line.hash {
                        tally[1] += 1;
                        "equal".to_owned()
                    } else if is_lossy(&line.syntax) {
                        match ours.agrees(&line) {
                            Ok(()) => {
                                tally[2] += 1;
                                "within tolerance".to_owned()
                            }
                            Err(reason) => format!("WRONG {reason}"),
                        }
                    } else {
                        format!("WRONG {} {:?}", ours.frames[0].stored.type_name(), ours.agrees(&line))
                    };
                    if verdict.starts_with("WRONG") {
                        wrong.push(format!("{}: {verdict}", line.path));
                    }
                    (format!("yes {notes}"), verdict)
                }
            };
            tally[0] += 1;
            tally[3] += usize::from(read.starts_with("yes"));
            let syntax = line.syntax.chars().take(36).collect::<String>();
            let _ = writeln!(table, "{:<96} {syntax:<36} {equal:<26} {read}", line.path);
        }
    }
    println!("{table}");
    let [all, equal, near, read] = tally;
    println!("{all} files, {read} with images read: {equal} equal to pydicom, {near} lossy within tolerance");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
