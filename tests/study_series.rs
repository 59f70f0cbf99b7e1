//! Real studies: grouping, order, directories, pictures and volumes.

mod common;

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use glassbox::display::Voi;
use glassbox::study::{Memory, Opened, Plane, Reader, Series, Storage, Stored, disk, open, report};

fn open_all(storage: &Arc<dyn Storage>, paths: &[PathBuf]) -> Opened {
    open(paths, storage, &|_| ControlFlow::Continue(()))
}

fn open_path(path: &Path) -> Opened {
    open_all(&disk(), &[path.to_path_buf()])
}

fn only_series(opened: &Opened) -> &Series {
    assert_eq!(opened.studies.len(), 1, "{:?}", opened.failed);
    assert_eq!(opened.studies[0].series.len(), 1);
    &opened.studies[0].series[0]
}

fn slice_count(opened: &Opened) -> usize {
    opened.studies.iter().flat_map(|study| &study.series).map(|series| series.slices.len()).sum()
}

#[test]
fn an_enhanced_mr_is_one_series_over_time() {
    let Some(shared) = common::shared() else { return };
    let opened = open_path(&shared.join("data/series/MOVEKNEE.dcm"));
    let series = only_series(&opened);
    assert_eq!((series.slices.len(), series.modality.as_str()), (19, "MR"));
    // One position at nineteen times, as its temporal position indices say.
    assert_eq!((series.positions(), series.times, series.plane), (1, 19, Plane::Sagittal));
    let frames: Vec<usize> = series.slices.iter().map(|slice| slice.source.frame).collect();
    assert_eq!(frames, (0..19).collect::<Vec<_>>());
    let reader = Reader::new(disk());
    for slice in &series.slices {
        let picture = reader.picture(slice).unwrap();
        assert_eq!((picture.rows, picture.columns), (256, 256));
    }
}

#[test]
fn slices_ascend_whatever_their_files_are_called() {
    let Some(shared) = common::shared() else { return };
    let folder = shared.join("data/series/dcmqi/paramaps/701-ADCb500");
    let opened = open_path(&folder);
    let series = only_series(&opened);
    assert_eq!((series.positions(), series.times, series.plane), (20, 1, Plane::Axial));
    let heights: Vec<f64> = series.slices.iter().map(|slice| slice.geometry.unwrap().origin_mm[2]).collect();
    assert!(heights.windows(2).all(|pair| pair[0] < pair[1]), "{heights:?}");
    // Image Position (Patient) of the first and the last slice.
    assert_eq!((heights[0], heights[19]), (-43.9748, 12.1567));
    assert!((series.slice_spacing_mm().unwrap() - 3.0).abs() < 0.01);

    let mut shuffled = Memory::new();
    for (index, slice) in series.slices.iter().enumerate() {
        let name = format!("s/{:03}.bin", (index * 7 + 3) % 20);
        shuffled.insert(name, std::fs::read(&slice.source.path).unwrap());
    }
    let shuffled: Arc<dyn Storage> = Arc::new(shuffled);
    let again = open_all(&shuffled, &["s".into()]);
    let uids = |series: &Series| series.slices.iter().map(|s| s.sop_instance_uid.clone()).collect::<Vec<_>>();
    assert_eq!(uids(only_series(&again)), uids(series));
}

#[test]
fn the_first_images_are_shown_before_the_rest_is_read() {
    let Some(shared) = common::shared() else { return };
    let folder = shared.join("data/series/dcmqi/paramaps/701-ADCb500");
    let first = RefCell::new(None);
    let last = Cell::new((0, 0));
    open(std::slice::from_ref(&folder), &disk(), &|progress| {
        if let Some(studies) = progress.studies {
            first.borrow_mut().get_or_insert((progress.read, studies[0].series[0].slices.len()));
        }
        last.set((progress.read, progress.total));
        ControlFlow::Continue(())
    });
    let first = first.into_inner().unwrap();
    assert!(first.0 <= 4 && first.0 == first.1, "{first:?}");
    assert_eq!(last.get(), (20, 20));
    let stopped = open(&[folder], &disk(), &|_| ControlFlow::Break(()));
    assert!(slice_count(&stopped) < 20 && stopped.notes.len() == 1);
}

#[test]
fn directories_resolve() {
    let Some(shared) = common::shared() else { return };
    let folder = shared.join("data/series/dicomdir");
    for name in [
        "DICOMDIR",
        "DICOMDIR-bigEnd",
        "DICOMDIR-implicit",
        "DICOMDIR-nooffset",
        "DICOMDIR-nopatient",
        "DICOMDIR-reordered",
    ] {
        let opened = open_path(&folder.join(name));
        assert_eq!((slice_count(&opened), opened.failed.len()), (31, 0), "{name}: {:?}", opened.failed);
    }
    assert_eq!(slice_count(&open_path(&folder.join("DICOMDIR-empty.dcm"))), 0);
    // All fifty files of this one are there and have no pixels, which is said of each.
    let opened = open_path(&folder.join("TINY_ALPHA/DICOMDIR"));
    assert_eq!((slice_count(&opened), opened.failed.len()), (0, 50));
    // The whole tree: each image once, and texts are no failures.
    let opened = open_path(&folder);
    assert_eq!((slice_count(&opened), opened.failed.len()), (31, 50));
    assert!(opened.not_images.iter().any(|path| path.ends_with("README.txt")));
}

#[test]
fn names_in_a_directory_are_found_in_either_case() {
    let Some(shared) = common::shared() else { return };
    let folder = shared.join("data/series/dicomdir");
    let mut memory = Memory::new();
    memory.insert("cd/dicomdir", std::fs::read(folder.join("DICOMDIR")).unwrap());
    let storage = disk();
    for slice in open_path(&folder.join("DICOMDIR")).studies.iter().flat_map(|s| &s.series).flat_map(|s| &s.slices) {
        let path = &slice.source.path;
        let below = path.strip_prefix(&folder).unwrap().to_string_lossy().to_lowercase();
        memory.insert(format!("cd/{below}"), storage.read(path).unwrap());
    }
    let memory: Arc<dyn Storage> = Arc::new(memory);
    let opened = open_all(&memory, &["cd/dicomdir".into()]);
    assert_eq!((slice_count(&opened), opened.failed.len()), (31, 0), "{:?}", opened.failed);
}

#[test]
fn pictures_of_a_folder_are_one_series() {
    let Some(shared) = common::shared() else { return };
    let opened = open_path(&shared.join("data/natural"));
    let series = only_series(&opened);
    let names: Vec<_> = series.slices.iter().map(|slice| slice.source.path.file_name().unwrap()).collect();
    assert_eq!(names, ["cat_dog.png", "dogs.png"]);
    assert_eq!(opened.not_images.len(), 1);
    let reader = Reader::new(disk());
    let pixels = reader.pixels(&series.slices[0]).unwrap();
    let Stored::U8(values) = &pixels.stored else { panic!("not bytes") };
    let picture = reader.picture(&series.slices[0]).unwrap();
    // Colour reaches the screen unchanged.
    let shown = picture.rgba8(Some(&Voi::window(128.0, 256.0)), false);
    assert!(shown.chunks(4).zip(values.chunks(3)).all(|(a, b)| a[..3] == b[..3]));

    let opened = open_path(&shared.join("data/dermoscopy"));
    assert_eq!((opened.studies.len(), opened.failed.len()), (7, 0));
    for slice in opened.studies.iter().flat_map(|s| &s.series).flat_map(|s| &s.slices) {
        assert_eq!((slice.samples, reader.picture(slice).unwrap().columns), (3, slice.columns));
    }
}

#[test]
fn volumes_lie_where_nibabel_says() {
    let Some(shared) = common::shared() else { return };
    let reader = Reader::new(disk());
    let path = shared.join("data/nifti/anatomical.nii");
    let opened = open_path(&path);
    let series = only_series(&opened);
    assert_eq!((series.positions(), series.plane), (25, Plane::Axial));
    let slice = &series.slices[7];
    // nibabel: shape (33, 41, 25), affine diag(-2, 2, 2) + (32, -40, -16), voxel (3, 5, 7) = 11505.
    assert_eq!((slice.rows, slice.columns), (41, 33));
    let geometry = slice.geometry.unwrap();
    let (column, row, distance) = geometry.slice_from_mm([-26.0, 30.0, -2.0]);
    assert_eq!((column, row, distance), (3.0, 35.0, 0.0));
    assert_eq!(reader.pixels(slice).unwrap().at(35, 3), Some(vec![11505.0]));
    assert_eq!([geometry.edge_letters().left, geometry.edge_letters().top], ["R", "A"]);
    let described = report::info(&opened, &reader, true, false);
    let file = &described["files"][0];
    assert_eq!((file["min"].as_f64(), file["max"].as_f64()), (Some(-610.0), Some(30393.0)));
    assert!((file["mean"].as_f64().unwrap() - 8_401.066_725_794_532).abs() < 1e-6);

    // Big-endian floats, voxel (3, 5, 7) = 10605.676 at RAS (-23.30, -27.98, 0.40): turned from left to right.
    let opened = open_path(&shared.join("data/nifti/reoriented_anat_moved.nii"));
    let slice = &only_series(&opened).slices[7];
    let value = reader.pixels(slice).unwrap().at(20, 17).unwrap()[0];
    assert!((value - 10605.676).abs() < 0.01, "{value}");

    let opened = open_path(&shared.join("data/nifti/reoriented_anat_moved_label.nii.gz"));
    let file = &report::info(&opened, &reader, true, false)["files"][0];
    assert!((file["mean"].as_f64().unwrap() - 0.006_243_756_243_756_244).abs() < 1e-12);
}

#[test]
fn statistics_and_hashes_are_pydicoms() {
    let Some(shared) = common::shared() else { return };
    let folder = shared.join("data/series");
    let opened = open_path(&folder);
    let reader = Reader::new(disk());
    let described = report::info(&opened, &reader, true, false);
    let files = described["files"].as_array().unwrap();
    let manifest = std::fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    let mut compared = 0;
    for line in manifest.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>()) {
        let (name, Some(hash)) = (line[0], line.get(21)) else { continue };
        let entry = files
            .iter()
            .find(|file| file["source"].as_str().is_some_and(|s| s.ends_with(name.trim_start_matches("fo-dicom/"))));
        let Some(entry) = entry else { panic!("{name} is not in the report") };
        assert_eq!(entry["sha1_16"].as_str(), Some(*hash), "{name}");
        compared += 1;
    }
    assert!(compared > 60, "{compared}");
}

#[test]
fn a_cut_file_of_a_series_is_named_and_the_rest_opens() {
    let Some(shared) = common::shared() else { return };
    let folder = shared.join("data/series/dcmqi/paramaps/701-ADCb500");
    let whole: Vec<Vec<u8>> = (0..3).map(|n| std::fs::read(folder.join(format!("{n:06}.dcm"))).unwrap()).collect();
    for length in [0, 1, 131, 132, 200, 500, 1000, 1500, 2000] {
        let mut memory = Memory::new();
        memory.insert("s/0", whole[0].clone());
        memory.insert("s/1", whole[1][..length].to_vec());
        memory.insert("s/2", whole[2].clone());
        let storage: Arc<dyn Storage> = Arc::new(memory);
        let opened = open_all(&storage, &["s".into()]);
        assert_eq!((slice_count(&opened), opened.failed.len() + opened.not_images.len()), (2, 1), "{length}");
    }
}
