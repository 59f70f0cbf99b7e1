//! Where slices lie in the patient: planes, directions, and the way between pixels and millimetres.
//!
//! The patient's axes are DICOM's (PS3.3 C.7.6.2.1.1): +x to the patient's left, +y to the back (posterior),
//! +z to the head. Pixel coordinates are (column, row), with whole numbers at pixel centres.

use super::types::{Geometry, Plane, Series, Slice};

/// A point or a direction in the patient.
pub type Vector = [f64; 3];

/// Slices whose normal is within this angle of a main axis have that axis' plane; others are oblique.
pub const PLANE_TOLERANCE_DEGREES: f64 = 30.0;

/// An axis that a direction leans towards by less than this angle is not named at the edge of the image.
const LETTER_DEGREES: f64 = 15.0;

/// Cosine between two directions above which they count as one (about 2°).
const SAME_DIRECTION: f64 = 0.999_4;

impl Geometry {
    /// A geometry from what a file says: directions are normalised; `None` where they are no two directions at
    /// right angles (within 1 %), where a number is not finite, or where a spacing is not positive.
    #[must_use]
    pub fn new(origin_mm: Vector, along_row: Vector, along_column: Vector, spacing_mm: [f64; 2]) -> Option<Self> {
        let along_row = unit(along_row)?;
        let along_column = unit(along_column)?;
        let sound = origin_mm.iter().all(|c| c.is_finite())
            && dot(along_row, along_column).abs() < 0.01
            && spacing_mm.iter().all(|s| s.is_finite() && *s > 0.0);
        sound.then_some(Self { origin_mm, along_row, along_column, spacing_mm })
    }

    /// The unit normal, `along_row × along_column`.
    #[must_use]
    pub fn normal(&self) -> Vector {
        cross(self.along_row, self.along_column)
    }

    /// The normal, turned to the direction in which slices are stacked: its largest component is positive, so that
    /// sagittal slices run from right to left, coronal ones from anterior to posterior, and axial ones from
    /// inferior to superior.
    #[must_use]
    pub fn stacking_normal(&self) -> Vector {
        let normal = self.normal();
        if normal[dominant_axis(normal)] < 0.0 { normal.map(|c| -c) } else { normal }
    }

    /// Position along `normal`, in mm.
    #[must_use]
    pub fn position_mm(&self, normal: Vector) -> f64 {
        dot(self.origin_mm, normal)
    }

    /// The anatomical plane, by [`PLANE_TOLERANCE_DEGREES`].
    #[must_use]
    pub fn plane(&self) -> Plane {
        let normal = self.normal();
        let axis = dominant_axis(normal);
        if normal[axis].abs() < PLANE_TOLERANCE_DEGREES.to_radians().cos() {
            return Plane::Oblique;
        }
        [Plane::Sagittal, Plane::Coronal, Plane::Axial][axis]
    }

    /// The point of the patient at a pixel position.
    #[must_use]
    pub fn mm_from_slice(&self, column: f64, row: f64) -> Vector {
        let [row_spacing, column_spacing] = self.spacing_mm;
        std::array::from_fn(|i| {
            self.origin_mm[i] + self.along_row[i] * column * column_spacing + self.along_column[i] * row * row_spacing
        })
    }

    /// Column and row below a point of the patient, and the point's distance from the slice along
    /// [`Geometry::normal`] in mm.
    #[must_use]
    pub fn slice_from_mm(&self, point_mm: Vector) -> (f64, f64, f64) {
        let [row_spacing, column_spacing] = self.spacing_mm;
        let from_origin = subtract(point_mm, self.origin_mm);
        (
            dot(from_origin, self.along_row) / column_spacing,
            dot(from_origin, self.along_column) / row_spacing,
            dot(from_origin, self.normal()),
        )
    }

    /// The sides of the patient that the edges of the image face.
    #[must_use]
    pub fn edge_letters(&self) -> EdgeLetters {
        EdgeLetters {
            left: letters(self.along_row.map(|c| -c)),
            right: letters(self.along_row),
            top: letters(self.along_column.map(|c| -c)),
            bottom: letters(self.along_column),
        }
    }

    /// Whether the rows and columns of both run in the same directions, within about 2°.
    #[must_use]
    pub fn is_parallel(&self, other: &Self) -> bool {
        dot(self.along_row, other.along_row) > SAME_DIRECTION
            && dot(self.along_column, other.along_column) > SAME_DIRECTION
    }
}

/// Letters at the edges of an image: R, L (right, left), A, P (front, back), H, F (head, feet), the largest
/// component of the direction first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeLetters {
    /// At the left edge.
    pub left: String,
    /// At the right edge.
    pub right: String,
    /// At the top edge.
    pub top: String,
    /// At the bottom edge.
    pub bottom: String,
}

fn letters(direction: Vector) -> String {
    let mut axes = [0, 1, 2];
    axes.sort_by(|a, b| direction[*b].abs().total_cmp(&direction[*a].abs()));
    let least = LETTER_DEGREES.to_radians().sin();
    axes.into_iter()
        .filter(|axis| direction[*axis].abs() >= least)
        .map(|axis| ["RL", "AP", "FH"][axis].as_bytes()[usize::from(direction[axis] > 0.0)] as char)
        .collect()
}

impl Slice {
    /// Where another slice cuts this one: the ends of the segment that lies within both images, in this slice's
    /// pixel coordinates (column, row); `None` where they are parallel, do not meet, or have no geometry.
    #[must_use]
    pub fn reference_line(&self, other: &Self) -> Option<[[f64; 2]; 2]> {
        let (this, that) = (self.geometry?, other.geometry?);
        let direction = unit_above(cross(this.normal(), that.normal()), 0.05)?;
        // The point of the line nearest to this slice's origin: go within this plane, at right angles to the line.
        let towards = cross(this.normal(), direction);
        let normal = that.normal();
        let distance = dot(subtract(that.origin_mm, this.origin_mm), normal) / dot(towards, normal);
        let point: Vector = std::array::from_fn(|i| this.origin_mm[i] + distance * towards[i]);
        let (from, to) = clip(this, self, point, direction)?;
        let (other_from, other_to) = clip(that, other, point, direction)?;
        let (from, to) = (from.max(other_from), to.min(other_to));
        let at = |along: f64| {
            let (column, row, _) = this.slice_from_mm(std::array::from_fn(|i| point[i] + along * direction[i]));
            [column, row]
        };
        (from < to).then(|| [at(from), at(to)])
    }
}

/// The stretch of the line `point + t · direction` (which lies in the slice's plane) that is over the image.
fn clip(geometry: Geometry, slice: &Slice, point: Vector, direction: Vector) -> Option<(f64, f64)> {
    let (column, row, _) = geometry.slice_from_mm(point);
    let [row_spacing, column_spacing] = geometry.spacing_mm;
    let steps =
        [dot(direction, geometry.along_row) / column_spacing, dot(direction, geometry.along_column) / row_spacing];
    let (mut from, mut to) = (f64::NEG_INFINITY, f64::INFINITY);
    for ((start, step), count) in [column, row].into_iter().zip(steps).zip([slice.columns, slice.rows]) {
        let (low, high) = (-0.5, count as f64 - 0.5);
        if step.abs() < 1e-9 {
            if start < low || start > high {
                return None;
            }
            continue;
        }
        let (a, b) = ((low - start) / step, (high - start) / step);
        from = from.max(a.min(b));
        to = to.min(a.max(b));
    }
    (from < to && from.is_finite() && to.is_finite()).then_some((from, to))
}

impl Series {
    /// Median distance of neighbouring slice positions in mm; `None` with less than two positions or no geometry.
    #[must_use]
    pub fn slice_spacing_mm(&self) -> Option<f64> {
        let normal = self.slices.first()?.geometry?.stacking_normal();
        let positions: Option<Vec<f64>> = self
            .slices
            .get(..self.positions())?
            .iter()
            .map(|slice| Some(slice.geometry?.position_mm(normal)))
            .collect();
        let mut gaps: Vec<f64> = positions?.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
        gaps.sort_by(f64::total_cmp);
        gaps.get(gaps.len() / 2).copied()
    }
}

/// Positions nearer than this are one position: 2 % of the slice's thickness within 0.001 to 0.05 mm, 0.01 mm where
/// the thickness is unknown.
#[must_use]
pub fn same_position_mm(thickness_mm: Option<f64>) -> f64 {
    match thickness_mm {
        Some(thickness) if thickness.is_finite() && thickness > 0.0 => (0.02 * thickness).clamp(0.001, 0.05),
        _ => 0.01,
    }
}

/// Index of the component with the largest absolute value.
fn dominant_axis(v: Vector) -> usize {
    (1..3).fold(0, |best, axis| if v[axis].abs() > v[best].abs() + 1e-9 { axis } else { best })
}

fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn subtract(a: Vector, b: Vector) -> Vector {
    std::array::from_fn(|i| a[i] - b[i])
}

fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// The direction of `v`; `None` for zero or something that is not finite.
fn unit(v: Vector) -> Option<Vector> {
    unit_above(v, 1e-6)
}

fn unit_above(v: Vector, least: f64) -> Option<Vector> {
    let length = dot(v, v).sqrt();
    (length.is_finite() && length > least).then(|| v.map(|c| c / length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::testing::slice_at;

    const AXIAL: [Vector; 2] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
    const CORONAL: [Vector; 2] = [[1.0, 0.0, 0.0], [0.0, 0.0, -1.0]];
    const SAGITTAL: [Vector; 2] = [[0.0, 1.0, 0.0], [0.0, 0.0, -1.0]];

    fn geometry(directions: [Vector; 2], origin: Vector) -> Geometry {
        Geometry::new(origin, directions[0], directions[1], [0.5, 0.25]).unwrap()
    }

    #[test]
    fn planes_and_stacking() {
        let cases = [
            (AXIAL, Plane::Axial, [0.0, 0.0, 1.0]),
            (CORONAL, Plane::Coronal, [0.0, 1.0, 0.0]),
            (SAGITTAL, Plane::Sagittal, [1.0, 0.0, 0.0]),
        ];
        for (directions, plane, stacking) in cases {
            let geometry = geometry(directions, [0.0; 3]);
            assert_eq!(geometry.plane(), plane);
            assert_eq!(geometry.stacking_normal(), stacking);
        }
        let tilted = |degrees: f64| {
            let (s, c) = degrees.to_radians().sin_cos();
            geometry([[1.0, 0.0, 0.0], [0.0, c, s]], [0.0; 3]).plane()
        };
        assert_eq!(tilted(29.0), Plane::Axial);
        assert_eq!(tilted(31.0), Plane::Oblique);
        assert_eq!(tilted(61.0), Plane::Coronal);
    }

    #[test]
    fn unsound_directions_are_refused() {
        assert!(Geometry::new([0.0; 3], [0.0; 3], [0.0, 1.0, 0.0], [1.0; 2]).is_none());
        assert!(Geometry::new([0.0; 3], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0; 2]).is_none());
        assert!(Geometry::new([f64::NAN, 0.0, 0.0], AXIAL[0], AXIAL[1], [1.0; 2]).is_none());
        assert!(Geometry::new([0.0; 3], AXIAL[0], AXIAL[1], [1.0, 0.0]).is_none());
    }

    #[test]
    fn pixels_to_millimetres_and_back() {
        // Row spacing 0.5, column spacing 0.25: column 4 is 1 mm along the row, row 4 is 2 mm along the column.
        let coronal = geometry(CORONAL, [10.0, 20.0, 30.0]);
        assert_eq!(coronal.mm_from_slice(4.0, 4.0), [11.0, 20.0, 28.0]);
        assert_eq!(coronal.slice_from_mm([11.0, 23.0, 28.0]), (4.0, 4.0, 3.0));
    }

    #[test]
    fn letters_name_the_sides() {
        let axial = geometry(AXIAL, [0.0; 3]).edge_letters();
        assert_eq!([axial.left, axial.right, axial.top, axial.bottom], ["R", "L", "A", "P"]);
        let sagittal = geometry(SAGITTAL, [0.0; 3]).edge_letters();
        assert_eq!([sagittal.left, sagittal.right, sagittal.top, sagittal.bottom], ["A", "P", "H", "F"]);
        let (s, c) = 20_f64.to_radians().sin_cos();
        let turned = geometry([[c, s, 0.0], [-s, c, 0.0]], [0.0; 3]).edge_letters();
        assert_eq!([turned.right, turned.bottom], ["LP", "PR"]);
    }

    #[test]
    fn an_axial_slice_crosses_a_sagittal_one() {
        // Sagittal: x = 5, y from 0 (columns 0.25 mm apart), z from 10 downwards (rows 0.5 mm apart); 40 × 40 pixels.
        let sagittal = slice_at(geometry(SAGITTAL, [5.0, 0.0, 10.0]), 40, 40);
        let axial = slice_at(geometry(AXIAL, [0.0, 0.0, 7.0]), 400, 400);
        let [a, b] = sagittal.reference_line(&axial).unwrap();
        // z = 7 is 3 mm below the first row: row 6; the line runs over all columns.
        assert!((a[1] - 6.0).abs() < 1e-9 && (b[1] - 6.0).abs() < 1e-9);
        assert!((a[0].min(b[0]) + 0.5).abs() < 1.01 && (a[0].max(b[0]) - 39.5).abs() < 1e-9);
        assert!(sagittal.reference_line(&sagittal).is_none());
        let beyond = slice_at(geometry(AXIAL, [0.0, 0.0, 70.0]), 400, 400);
        assert!(sagittal.reference_line(&beyond).is_none());
    }

    #[test]
    fn tolerance_follows_thickness() {
        assert_eq!(same_position_mm(Some(1.0)), 0.02);
        assert_eq!(same_position_mm(Some(100.0)), 0.05);
        assert_eq!(same_position_mm(None), 0.01);
    }
}
