//! Instances → studies ▸ series ▸ slices in display order.
//!
//! A series is what shares a Series Instance UID, split where images cannot be one stack: another size or number of
//! samples, another orientation (localizers), some with a position and some without. Slices are ordered by their
//! position along the stacking normal; without positions by instance number, then by file name as people count.
//! Several slices at one position are a second axis, ordered by time key, instance number and name.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::path::Path;

use super::geometry::same_position_mm;
use super::walk::natural_order;
use super::{Instance, Plane, Series, SeriesHead, Slice, Study};

/// Beyond this many orientations, where most slices have one of their own, the series turns around an axis
/// (rotating projections) and is not split.
const MAX_ORIENTATIONS: usize = 3;

/// An instance and how it was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Index of the path given by the user that led to it.
    pub argument: usize,
    /// 0, or n for the nth other file that claims the same SOP Instance UID with other content.
    pub copy: usize,
    pub instance: Instance,
}

/// Groups and sorts everything found so far.
pub(super) fn group(found: &[Found]) -> Vec<Study> {
    let mut studies = gather(found, |f| study_key(&f.instance));
    studies.sort_by(|a, b| {
        let argument = |members: &[&Found]| members.iter().map(|f| f.argument).min();
        argument(&a.1).cmp(&argument(&b.1)).then_with(|| study_order(a, b))
    });
    studies.into_iter().map(|(uid, members)| build_study(uid, &members)).collect()
}

/// Collects under keys, in the order of first appearance.
fn gather<'a, T>(items: impl IntoIterator<Item = &'a T>, key: impl Fn(&T) -> String) -> Vec<(String, Vec<&'a T>)> {
    let mut groups: Vec<(String, Vec<&T>)> = Vec::new();
    let mut index: HashMap<String, usize> = HashMap::new();
    for item in items {
        let at = *index.entry(key(item)).or_insert_with_key(|key| {
            groups.push((key.clone(), Vec::new()));
            groups.len() - 1
        });
        groups[at].1.push(item);
    }
    groups
}

fn study_key(instance: &Instance) -> String {
    if instance.study.uid.is_empty() { folder_key(&instance.slice) } else { instance.study.uid.clone() }
}

fn series_key(instance: &Instance) -> String {
    if instance.series.uid.is_empty() { folder_key(&instance.slice) } else { instance.series.uid.clone() }
}

/// The stable name of what a folder holds.
fn folder_key(slice: &Slice) -> String {
    path_key(slice.source.path.parent().unwrap_or(Path::new("")))
}

/// The name of something that has no UID but lies at a path.
pub(super) fn path_key(path: &Path) -> String {
    format!("path:{}", path.display())
}

fn study_order(a: &(String, Vec<&Found>), b: &(String, Vec<&Found>)) -> Ordering {
    let (left, right) = (&a.1[0].instance.study, &b.1[0].instance.study);
    (left.patient.name.cmp(&right.patient.name))
        .then_with(|| left.patient.id.cmp(&right.patient.id))
        .then_with(|| left.date.cmp(&right.date))
        .then_with(|| natural_order(&a.0, &b.0))
}

fn build_study(uid: String, members: &[&Found]) -> Study {
    let head = &members[0].instance.study;
    let mut series: Vec<Series> = gather(members.iter().copied(), |f| series_key(&f.instance))
        .into_iter()
        .flat_map(|(uid, members)| build_series(&uid, &members))
        .collect();
    series.sort_by(|a, b| {
        // A series without a number comes last.
        (a.number.is_none(), a.number).cmp(&(b.number.is_none(), b.number)).then_with(|| natural_order(&a.uid, &b.uid))
    });
    Study { uid, patient: head.patient.clone(), description: head.description.clone(), date: head.date.clone(), series }
}

fn build_series(uid: &str, members: &[&Found]) -> Vec<Series> {
    let parts: Vec<Sorted> = split(members).into_iter().flat_map(|part| sort(&part)).collect();
    parts
        .into_iter()
        .enumerate()
        .map(|(number, sorted)| {
            let head = &sorted.head;
            let uid = if number == 0 { uid.to_string() } else { format!("{uid}#{}", number + 1) };
            let suffix = sorted.acquisition.map(|n| format!(" (acquisition {n})")).unwrap_or_default();
            Series {
                uid,
                number: head.number,
                description: format!("{}{suffix}", head.description),
                modality: head.modality.clone(),
                body_part: head.body_part.clone(),
                plane: plane(&sorted.slices),
                slices: sorted.slices,
                times: sorted.times,
            }
        })
        .collect()
}

/// From the orientation; without one from the name of the folder.
fn plane(slices: &[Slice]) -> Plane {
    let Some(first) = slices.first() else { return Plane::Unknown };
    let named = || first.source.path.parent().and_then(plane_of_folder);
    first.geometry.map(|geometry| geometry.plane()).or_else(named).unwrap_or(Plane::Unknown)
}

/// The plane that a folder of plain stacks is named after.
pub(super) fn plane_of_folder(folder: &Path) -> Option<Plane> {
    match folder.file_name()?.to_string_lossy().to_lowercase().as_str() {
        "axial" => Some(Plane::Axial),
        "coronal" => Some(Plane::Coronal),
        "sagittal" => Some(Plane::Sagittal),
        _ => None,
    }
}

/// Splits a series into parts that can each be one stack, in the order of first appearance.
fn split<'a>(members: &[&'a Found]) -> Vec<Vec<&'a Instance>> {
    let same_stack = |f: &Found| {
        let slice = &f.instance.slice;
        // Without a position (photographs, ultrasound) images of several sizes are looked at in one go.
        let size = slice.geometry.map(|_| (slice.rows, slice.columns, slice.samples));
        format!("{size:?} {}", f.copy)
    };
    gather(members.iter().copied(), same_stack)
        .into_iter()
        .flat_map(|(_, part)| split_orientations(part.into_iter().map(|f| &f.instance).collect()))
        .collect()
}

fn split_orientations(members: Vec<&Instance>) -> Vec<Vec<&Instance>> {
    let mut parts: Vec<Vec<&Instance>> = Vec::new();
    for &instance in &members {
        let alike = |part: &Vec<&Instance>| match (part[0].slice.geometry, instance.slice.geometry) {
            (Some(a), Some(b)) => a.is_parallel(&b),
            _ => true,
        };
        match parts.iter_mut().find(|part| alike(part)) {
            Some(part) => part.push(instance),
            None => parts.push(vec![instance]),
        }
    }
    if parts.len() > MAX_ORIENTATIONS && parts.len() * 2 > members.len() { vec![members] } else { parts }
}

/// Slices in display order.
struct Sorted {
    head: SeriesHead,
    slices: Vec<Slice>,
    times: usize,
    /// Which of several, where the acquisitions of one part could not be put on a common axis.
    acquisition: Option<usize>,
}

fn sort(members: &[&Instance]) -> Vec<Sorted> {
    let head = SeriesHead::clone(&members[0].series);
    let mut members = members.to_vec();
    members.sort_by(|a, b| by_number(a, b));
    let Some(positions) = by_position(&members) else {
        let slices = members.iter().map(|i| i.slice.clone()).collect();
        return vec![Sorted { head, slices, times: 1, acquisition: None }];
    };
    let times = positions.iter().map(Vec::len).max().unwrap_or(1);
    let acquisition = |time: usize| positions.iter().filter_map(move |at| at.get(time)).map(|i| i.slice.clone());
    if positions.iter().all(|at| at.len() == times) {
        let slices = (0..times).flat_map(acquisition).collect();
        return vec![Sorted { head, slices, times, acquisition: None }];
    }
    (0..times)
        .map(|time| Sorted {
            head: head.clone(),
            slices: acquisition(time).collect(),
            times: 1,
            acquisition: Some(time + 1),
        })
        .collect()
}

/// Slices at one position each, ascending; within a position by time. `None` where there are no positions, or no
/// common direction to order them in.
fn by_position<'a>(members: &[&'a Instance]) -> Option<Vec<Vec<&'a Instance>>> {
    let first = members.first()?.slice.geometry?;
    if !members.iter().all(|i| i.slice.geometry.is_some_and(|g| g.is_parallel(&first))) {
        return None;
    }
    let normal = first.stacking_normal();
    let tolerance = same_position_mm(members[0].slice.thickness_mm);
    let mut placed: Vec<(f64, &Instance)> =
        members.iter().filter_map(|i| Some((i.slice.geometry?.position_mm(normal), *i))).collect();
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut positions: Vec<Vec<&Instance>> = Vec::new();
    let mut start_mm = f64::NEG_INFINITY;
    for (position_mm, instance) in placed {
        match positions.last_mut() {
            Some(at) if position_mm - start_mm <= tolerance => at.push(instance),
            _ => {
                start_mm = position_mm;
                positions.push(vec![instance]);
            }
        }
    }
    for at in &mut positions {
        at.sort_by(|a, b| by_time(a, b).then_with(|| by_number(a, b)));
    }
    Some(positions)
}

fn by_time(a: &Instance, b: &Instance) -> Ordering {
    let (left, right) = (a.slice.time_key, b.slice.time_key);
    left.is_none().cmp(&right.is_none()).then_with(|| left.unwrap_or(0.0).total_cmp(&right.unwrap_or(0.0)))
}

/// Instance number (files without one last), then file name as people count, then frame.
fn by_number(a: &Instance, b: &Instance) -> Ordering {
    let (left, right) = (&a.slice, &b.slice);
    (left.instance_number.is_none().cmp(&right.instance_number.is_none()))
        .then(left.instance_number.cmp(&right.instance_number))
        .then_with(|| natural_order(&left.source.path.to_string_lossy(), &right.source.path.to_string_lossy()))
        .then(left.source.frame.cmp(&right.source.frame))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::Geometry;
    use crate::study::testing::{instance, plain_slice};

    const AXIAL: [[f64; 3]; 2] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
    const CORONAL: [[f64; 3]; 2] = [[1.0, 0.0, 0.0], [0.0, 0.0, -1.0]];

    fn found(name: &str, directions: [[f64; 3]; 2], origin: [f64; 3], time: Option<f64>) -> Found {
        let mut slice = plain_slice(name, 4, 4);
        slice.geometry = Geometry::new(origin, directions[0], directions[1], [1.0, 1.0]);
        slice.time_key = time;
        Found { argument: 0, copy: 0, instance: instance("1.3", slice) }
    }

    fn names(series: &Series) -> Vec<String> {
        series.slices.iter().map(|s| s.source.path.display().to_string()).collect()
    }

    #[test]
    fn position_orders_whatever_names_and_numbers_say() {
        let mut all: Vec<Found> = [("a", 3.0), ("b", 1.0), ("c", 2.0)]
            .iter()
            .map(|(name, z)| found(name, AXIAL, [0.0, 0.0, *z], None))
            .collect();
        all[0].instance.slice.instance_number = Some(1);
        let studies = group(&all);
        assert_eq!(studies.len(), 1);
        assert_eq!(names(&studies[0].series[0]), ["b", "c", "a"]);
        assert_eq!(studies[0].series[0].plane, Plane::Axial);
        assert_eq!(studies[0].series[0].slice_spacing_mm(), Some(1.0));
        all.reverse();
        assert_eq!(names(&group(&all)[0].series[0]), ["b", "c", "a"]);
    }

    #[test]
    fn coronal_slices_run_from_front_to_back() {
        let all = [found("back", CORONAL, [0.0, 9.0, 0.0], None), found("front", CORONAL, [0.0, -9.0, 0.0], None)];
        let series = &group(&all)[0].series[0];
        assert_eq!(names(series), ["front", "back"]);
        assert_eq!(series.plane, Plane::Coronal);
    }

    #[test]
    fn repeated_positions_are_a_second_axis() {
        let all = [
            found("z1 late", AXIAL, [0.0, 0.0, 1.0], Some(20.0)),
            found("z0 early", AXIAL, [0.0, 0.0, 0.0], Some(10.0)),
            found("z0 late", AXIAL, [0.0, 0.0, 0.000_5], Some(20.0)),
            found("z1 early", AXIAL, [0.0, 0.0, 1.0], Some(10.0)),
        ];
        let series = &group(&all)[0].series[0];
        assert_eq!((series.times, series.positions()), (2, 2));
        assert_eq!(names(series), ["z0 early", "z1 early", "z0 late", "z1 late"]);
    }

    #[test]
    fn an_incomplete_second_axis_becomes_series_of_its_own() {
        let all = [
            found("z0 a", AXIAL, [0.0, 0.0, 0.0], Some(1.0)),
            found("z0 b", AXIAL, [0.0, 0.0, 0.0], Some(2.0)),
            found("z1 a", AXIAL, [0.0, 0.0, 1.0], Some(1.0)),
        ];
        let series = &group(&all)[0].series;
        assert_eq!(series.len(), 2);
        assert_eq!(names(&series[0]), ["z0 a", "z1 a"]);
        assert_eq!((names(&series[1]), series[1].uid.as_str()), (vec!["z0 b".to_string()], "1.3#2"));
    }

    #[test]
    fn localizers_and_screens_are_split_off() {
        let mut all = vec![
            found("a", AXIAL, [0.0, 0.0, 0.0], None),
            found("c", CORONAL, [0.0, 0.0, 0.0], None),
            found("b", AXIAL, [0.0, 0.0, 1.0], None),
            Found { argument: 0, copy: 0, instance: instance("1.3", plain_slice("report", 9, 9)) },
        ];
        all[2].instance.slice.rows = 8;
        let series = &group(&all)[0].series;
        let planes: Vec<Plane> = series.iter().map(|s| s.plane).collect();
        assert_eq!(planes, [Plane::Axial, Plane::Coronal, Plane::Axial, Plane::Unknown]);
    }

    #[test]
    fn rotating_projections_stay_together() {
        let all: Vec<Found> = (0..12)
            .map(|step| {
                let (s, c) = (f64::from(step) * 15.0).to_radians().sin_cos();
                let mut item = found(&format!("r{step}"), [[c, s, 0.0], [0.0, 0.0, -1.0]], [0.0; 3], None);
                item.instance.slice.instance_number = Some(12 - step);
                item
            })
            .collect();
        let series = &group(&all)[0].series;
        assert_eq!((series.len(), series[0].slices.len()), (1, 12));
        assert_eq!(names(&series[0])[0], "r11");
    }

    #[test]
    fn without_geometry_numbers_then_names_order() {
        let plain = |name: &str, number: Option<i32>| {
            let mut slice = plain_slice(name, 4, 4);
            slice.instance_number = number;
            Found { argument: 0, copy: 0, instance: instance("", slice) }
        };
        let all = [plain("p/10", None), plain("p/9", None), plain("p/z", Some(2)), plain("p/y", Some(3))];
        let series = &group(&all)[0].series;
        assert_eq!(names(&series[0]), ["p/z", "p/y", "p/9", "p/10"]);
        assert_eq!(series[0].uid, "path:p");
    }
}
