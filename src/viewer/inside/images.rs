//! The images that a look over many of them takes in, with their names, labels and sizes.

use std::collections::HashMap;

use crate::engine::{Library, SourceList};
use crate::study::{Series, Slice, Source};
use crate::viewer::state::{Scope, State};

/// One image.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Image {
    name: String,
    label: String,
    size: [usize; 2],
}

/// The images that are looked at.
#[derive(Debug, Clone, Default)]
pub struct Images {
    /// Their sources, in the order of the browser.
    pub sources: SourceList,
    known: HashMap<Source, Image>,
    of: Option<Of>,
}

/// What a list of images rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Of {
    generation: u64,
    studies: usize,
    /// UID and time of the series; `None` where everything is looked at.
    series: Option<(String, usize)>,
}

impl Images {
    /// Follows the library and the choice of images.
    pub fn follow(&mut self, library: &Library, state: &State) {
        let slot = &state.slots[0];
        let series = match state.scope() {
            Scope::Series => slot.series().map(|series| (series.uid.clone(), slot.time)),
            Scope::Everything => None,
        };
        let of = Some(Of { generation: library.generation, studies: library.studies.len(), series });
        if self.of == of {
            return;
        }
        self.known.clear();
        let mut all: Vec<Source> = Vec::new();
        for series in library.studies.iter().flat_map(|study| &study.series) {
            for (index, slice) in series.slices.iter().enumerate() {
                self.known.insert(slice.source.clone(), image(series, index, slice));
                all.push(slice.source.clone());
            }
        }
        let sources = match state.scope() {
            Scope::Series => slot.sources(),
            Scope::Everything => all,
        };
        if *self.sources != *sources {
            self.sources = sources.into();
        }
        self.of = of;
    }

    /// What an image is called.
    #[must_use]
    pub fn name(&self, source: &Source) -> &str {
        self.known.get(source).map_or("", |image| &image.name)
    }

    /// What kind of image it is: its folder, or in DICOM the description of its series.
    #[must_use]
    pub fn label(&self, source: &Source) -> &str {
        self.known.get(source).map_or("", |image| &image.label)
    }

    /// Rows and columns.
    #[must_use]
    pub fn size(&self, source: &Source) -> Option<[usize; 2]> {
        self.known.get(source).map(|image| image.size)
    }
}

fn image(series: &Series, index: usize, slice: &Slice) -> Image {
    let path = &slice.source.path;
    let of_file = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let file = of_file(path.file_stem()).unwrap_or_default();
    let description = if series.description.is_empty() { file.clone() } else { series.description.clone() };
    let is_dicom = slice.sop_instance_uid.is_some();
    let is_alone = series.slices.len() == 1;
    // Photographs of one folder are a series of files, the slices of a volume are in one: the ends tell which.
    let ends = [series.slices.first(), series.slices.last()];
    let own_file = is_alone || ends.into_iter().flatten().any(|other| other.source.path != *path);
    let name = match is_dicom {
        true if is_alone => description.clone(),
        false if own_file => file,
        _ => format!("{} {}, {description}", if series.positions() > 1 { "Slice" } else { "Time" }, index + 1),
    };
    let folder = of_file(path.parent().and_then(std::path::Path::file_name));
    let label = if is_dicom { description } else { folder.unwrap_or(description) };
    Image { name, label, size: [slice.rows, slice.columns] }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::viewer::state::tests_of_slots::study;

    #[test]
    fn images_are_named_and_labelled_by_what_they_are() {
        let study = study(3, 1);
        let mut series = study.series[0].clone();
        series.description = "PD sagittal".to_owned();
        let mut slice = series.slices[1].clone();
        slice.source.path = PathBuf::from("/data/naevi/ISIC_1.jpg");
        assert_eq!(image(&series, 1, &slice).name, "ISIC_1", "a file among others");
        assert_eq!(image(&series, 1, &slice).label, "naevi");
        slice.sop_instance_uid = Some("1.2".into());
        let shown = image(&series, 1, &slice);
        assert_eq!((shown.label.as_str(), shown.name.as_str()), ("PD sagittal", "Slice 2, PD sagittal"));
        series.slices.truncate(1);
        assert_eq!(image(&series, 0, &slice).name, "PD sagittal");
        slice.sop_instance_uid = None;
        assert_eq!(image(&series, 0, &slice).name, "ISIC_1");
    }
}
