//! Where a slice lies in the patient, for the eye: letters at the edges and lines of other slices.

use egui::Vec2;

use crate::study::{Geometry, Plane, Series};

/// The letters of a direction in the patient (LPS): the main one, and a second where the direction is oblique.
#[must_use]
pub fn letters(direction: [f64; 3]) -> String {
    let named = [(direction[0], 'L', 'R'), (direction[1], 'P', 'A'), (direction[2], 'H', 'F')];
    let mut parts: Vec<(f64, char)> = named
        .iter()
        .map(|&(value, plus, minus)| (value.abs(), if value > 0.0 { plus } else { minus }))
        .filter(|(size, _)| *size > 0.35)
        .collect();
    parts.sort_by(|a, b| b.0.total_cmp(&a.0));
    parts.into_iter().take(2).map(|(_, letter)| letter).collect()
}

/// The patient direction of a step in slice pixels (columns, rows).
#[must_use]
pub fn patient_direction(geometry: &Geometry, step: Vec2) -> [f64; 3] {
    std::array::from_fn(|axis| {
        geometry.along_row[axis] * f64::from(step.x) + geometry.along_column[axis] * f64::from(step.y)
    })
}

/// The normal of a slice's plane.
#[must_use]
pub fn normal(geometry: &Geometry) -> [f64; 3] {
    let (a, b) = (geometry.along_row, geometry.along_column);
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// How far along its normal a slice lies, in millimetres.
#[must_use]
pub fn position_mm(geometry: &Geometry) -> f64 {
    dot(normal(geometry), geometry.origin_mm)
}

/// Patient position of the slice coordinates `(x, y)`, in millimetres.
#[must_use]
pub fn mm_from_slice(geometry: &Geometry, x: f64, y: f64) -> [f64; 3] {
    std::array::from_fn(|axis| {
        geometry.origin_mm[axis]
            + geometry.along_row[axis] * (x - 0.5) * geometry.spacing_mm[1]
            + geometry.along_column[axis] * (y - 0.5) * geometry.spacing_mm[0]
    })
}

/// Slice coordinates `(x, y)` of a patient position's projection onto the slice, and how far along the slice's normal
/// the position lies from it, in millimetres.
#[must_use]
pub fn slice_from_mm(geometry: &Geometry, point_mm: [f64; 3]) -> (f64, f64, f64) {
    let from_origin: [f64; 3] = std::array::from_fn(|axis| point_mm[axis] - geometry.origin_mm[axis]);
    (
        dot(from_origin, geometry.along_row) / geometry.spacing_mm[1] + 0.5,
        dot(from_origin, geometry.along_column) / geometry.spacing_mm[0] + 0.5,
        dot(from_origin, normal(geometry)),
    )
}

/// Where the plane of `other` cuts the picture of `own` (`rows` × `columns`), as two slice positions `(x, y)`.
/// `None` where the planes are parallel or the line misses the picture.
#[must_use]
pub fn reference_line(own: &Geometry, rows: usize, columns: usize, other: &Geometry) -> Option<[(f32, f32); 2]> {
    let towards = normal(other);
    // along_x · x + along_y · y + offset = 0
    let along_x = dot(towards, own.along_row) * own.spacing_mm[1];
    let along_y = dot(towards, own.along_column) * own.spacing_mm[0];
    let corner = mm_from_slice(own, 0.0, 0.0);
    let offset = dot(towards, std::array::from_fn(|axis| corner[axis] - other.origin_mm[axis]));
    if along_x.hypot(along_y) < 1e-3 * own.spacing_mm[0].min(own.spacing_mm[1]) {
        return None;
    }
    let (width, height) = (columns as f64, rows as f64);
    let mut ends: Vec<(f64, f64)> = Vec::with_capacity(4);
    if along_y.abs() > 1e-9 {
        ends.extend([0.0, width].map(|x| (x, -(along_x * x + offset) / along_y)));
    }
    if along_x.abs() > 1e-9 {
        ends.extend([0.0, height].map(|y| (-(along_y * y + offset) / along_x, y)));
    }
    ends.retain(|&(x, y)| (-1e-6..=width + 1e-6).contains(&x) && (-1e-6..=height + 1e-6).contains(&y));
    let first = *ends.first()?;
    let second = ends.into_iter().find(|end| (end.0 - first.0).hypot(end.1 - first.1) > 1e-3)?;
    Some([first, second].map(|(x, y)| (x as f32, y as f32)))
}

/// The slice (index) of `series` that is nearest to a patient position, with `time` fixed.
#[must_use]
pub fn nearest_slice(series: &Series, point_mm: [f64; 3]) -> Option<usize> {
    let distance = |geometry: &Geometry| {
        dot(normal(geometry), std::array::from_fn(|axis| point_mm[axis] - geometry.origin_mm[axis])).abs()
    };
    (0..series.positions())
        .filter_map(|index| Some((index, distance(series.slices.get(index)?.geometry.as_ref()?))))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(index, _)| index)
}

/// The word for a plane; empty where it is unknown.
#[must_use]
pub fn plane_word(plane: Plane) -> &'static str {
    match plane {
        Plane::Axial => "axial",
        Plane::Coronal => "coronal",
        Plane::Sagittal => "sagittal",
        Plane::Oblique => "oblique",
        Plane::Unknown => "",
    }
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axial(z_mm: f64) -> Geometry {
        Geometry {
            origin_mm: [-50.0, -50.0, z_mm],
            along_row: [1.0, 0.0, 0.0],
            along_column: [0.0, 1.0, 0.0],
            spacing_mm: [1.0, 1.0],
        }
    }

    fn coronal(y_mm: f64) -> Geometry {
        Geometry {
            origin_mm: [-50.0, y_mm, 50.0],
            along_row: [1.0, 0.0, 0.0],
            along_column: [0.0, 0.0, -1.0],
            spacing_mm: [1.0, 1.0],
        }
    }

    #[test]
    fn edges_are_named_in_the_patient() {
        assert_eq!(letters([1.0, 0.0, 0.0]), "L");
        assert_eq!(letters([0.0, -1.0, 0.0]), "A");
        assert_eq!(letters([0.0, 0.0, -1.0]), "F");
        assert_eq!(letters([-0.6, 0.8, 0.0]), "PR");
    }

    #[test]
    fn a_coronal_slice_is_a_row_of_the_axial_one() {
        let line = reference_line(&axial(0.0), 100, 100, &coronal(-20.0)).expect("the planes cut");
        // y = -20 mm is row 30, whose centre is at 30.5.
        assert!(line.iter().all(|(_, y)| (y - 30.5).abs() < 1e-4), "{line:?}");
        assert!((line[0].0 - line[1].0).abs() > 99.0);
    }

    #[test]
    fn a_position_is_found_again_in_its_own_slice_and_in_another() {
        let (own, other) = (axial(7.0), coronal(-20.0));
        let point = mm_from_slice(&own, 12.5, 30.5);
        let (x, y, off) = slice_from_mm(&own, point);
        assert!((x - 12.5).abs() < 1e-9 && (y - 30.5).abs() < 1e-9 && off.abs() < 1e-9);
        // Row 30 of the axial slice is y = -20 mm, the coronal slice itself; z = 7 mm is 43 mm below its top.
        let (x, y, off) = slice_from_mm(&other, point);
        assert!((x - 12.5).abs() < 1e-9 && (y - 43.5).abs() < 1e-9 && off.abs() < 1e-9, "{x} {y} {off}");
        let (_, _, off) = slice_from_mm(&axial(0.0), point);
        assert!((off - 7.0).abs() < 1e-9);
    }

    #[test]
    fn parallel_slices_and_slices_beside_the_picture_have_no_line() {
        assert_eq!(reference_line(&axial(0.0), 100, 100, &axial(10.0)), None);
        assert_eq!(reference_line(&axial(0.0), 100, 100, &coronal(400.0)), None);
    }
}
