//! Where the network's input lies in the slice.

use std::ops::Range;

use crate::model::card::FitMode;

/// The map between slice pixels and pixels of the network's input, and how the slice is resized for it.
///
/// Positions are `(x, y)` = (column, row) in the pixel-centre convention: the centre of the first pixel is
/// (0, 0), its outer corner (−0.5, −0.5). Along each axis
/// `input + 0.5 = (slice + 0.5) · resized / slice_size + shift`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    /// Rows and columns of the slice.
    pub slice: [usize; 2],
    /// Rows and columns of the network's input.
    pub input: [usize; 2],
    /// Rows and columns of the slice after resizing, before padding or cropping.
    pub resized: [usize; 2],
    /// Where the resized slice's first row and column come to lie in the input; negative when they are cropped.
    pub shift: [i64; 2],
}

impl Fit {
    /// How a slice of `[rows, columns]` fits an input of `[rows, columns]`; no side may be 0.
    ///
    /// `Stretch` resizes to the input's size. `Pad` keeps the aspect and fills with black, as Pillow's
    /// `ImageOps.pad`. `Crop` keeps the aspect, covers the input and cuts the centre out, as torchvision's `Resize`
    /// (of the shorter side) and `CenterCrop`.
    #[must_use]
    pub fn new(mode: FitMode, slice: [usize; 2], input: [usize; 2]) -> Self {
        let wider = slice[1] as u128 * input[0] as u128 > input[1] as u128 * slice[0] as u128;
        let resized = match mode {
            FitMode::Stretch => input,
            FitMode::Pad if wider => [rounded(slice[0] as f64 / slice[1] as f64 * input[1] as f64), input[1]],
            FitMode::Pad => [input[0], rounded(slice[1] as f64 / slice[0] as f64 * input[0] as f64)],
            FitMode::Crop if wider => [input[0], (input[0] * slice[1] / slice[0]).max(input[1])],
            FitMode::Crop => [(input[1] * slice[0] / slice[1]).max(input[0]), input[1]],
        };
        let resized = match mode {
            FitMode::Pad => [resized[0].min(input[0]), resized[1].min(input[1])],
            FitMode::Stretch | FitMode::Crop => resized,
        };
        let shift = [0, 1].map(|axis| match mode {
            FitMode::Crop => -half(resized[axis] - input[axis]),
            FitMode::Stretch | FitMode::Pad => half(input[axis] - resized[axis]),
        });
        Self { slice, input, resized, shift }
    }

    /// The slice position of a position in the input.
    #[must_use]
    pub fn slice_from_input(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let along = |at: f64, axis: usize| {
            (at + 0.5 - self.shift[axis] as f64) * self.slice[axis] as f64 / self.resized[axis] as f64 - 0.5
        };
        (along(x, 1), along(y, 0))
    }

    /// The input position of a position in the slice.
    #[must_use]
    pub fn input_from_slice(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let along = |at: f64, axis: usize| {
            (at + 0.5) * self.resized[axis] as f64 / self.slice[axis] as f64 + self.shift[axis] as f64 - 0.5
        };
        (along(x, 1), along(y, 0))
    }

    /// The pixels of the input whose centres lie in a rectangle of the slice, rows and columns: `[left, top, right,
    /// bottom]`, where (0, 0) is the outer corner of the first pixel. `None` where no centre does.
    #[must_use]
    pub fn pixels_within(&self, [left, top, right, bottom]: [f32; 4]) -> Option<[Range<usize>; 2]> {
        if [left, top, right, bottom].iter().any(|at| at.is_nan()) {
            return None;
        }
        let (x0, y0) = self.input_from_slice((f64::from(left) - 0.5, f64::from(top) - 0.5));
        let (x1, y1) = self.input_from_slice((f64::from(right) - 0.5, f64::from(bottom) - 0.5));
        // Up to, but without, the far edge: a pixel on a common edge belongs to one side.
        let within = |from: f64, to: f64, size: usize| {
            let place = |at: f64| at.ceil().clamp(0.0, size as f64) as usize;
            Some(place(from)..place(to)).filter(|places| !places.is_empty())
        };
        Some([within(y0, y1, self.input[0])?, within(x0, x1, self.input[1])?])
    }

    /// Where pixels of the input, rows and columns, lie on the slice: `[left, top, right, bottom]` as above.
    #[must_use]
    pub fn slice_rectangle(&self, [rows, columns]: &[Range<usize>; 2]) -> [f32; 4] {
        let corner = |column: usize, row: usize| self.slice_from_input((column as f64 - 0.5, row as f64 - 0.5));
        let ((left, top), (right, bottom)) = (corner(columns.start, rows.start), corner(columns.end, rows.end));
        [left + 0.5, top + 0.5, right + 0.5, bottom + 0.5].map(|at| at as f32)
    }

    /// Whether the network saw the slice at this position (not so outside a centre crop).
    #[must_use]
    pub fn covers(&self, slice_position: (f64, f64)) -> bool {
        let (x, y) = self.input_from_slice(slice_position);
        let within = |at: f64, size: usize| at >= -0.5 && at <= size as f64 - 0.5;
        within(x, self.input[1]) && within(y, self.input[0])
    }

    /// Brings a map over the network's input (row-major, `map_rows` × `map_columns`, of any resolution) onto a
    /// grid of `rows` × `columns` that covers the slice; mostly that is the slice's own.
    ///
    /// Bilinear with half-pixel centres, the border repeated, as PyTorch's `interpolate(align_corners=False)`.
    /// Where the network saw nothing of the slice (outside a centre crop) the result is 0; [`Fit::covers`] tells.
    /// An empty map gives an empty result.
    #[must_use]
    pub fn map_to_slice(
        &self,
        map: &[f32],
        map_rows: usize,
        map_columns: usize,
        rows: usize,
        columns: usize,
    ) -> Vec<f32> {
        if map.is_empty() || map.len() != map_rows * map_columns {
            return Vec::new();
        }
        let horizontal = self.taps(1, map_columns, columns);
        let vertical = self.taps(0, map_rows, rows);
        let mut values = Vec::with_capacity(rows * columns);
        for row in &vertical {
            for column in &horizontal {
                let (Some(row), Some(column)) = (row, column) else {
                    values.push(0.0);
                    continue;
                };
                let at = |r: usize, c: usize| map[r * map_columns + c];
                let upper = lerp(at(row.first, column.first), at(row.first, column.second), column.part);
                let lower = lerp(at(row.second, column.first), at(row.second, column.second), column.part);
                values.push(lerp(upper, lower, row.part));
            }
        }
        values
    }

    /// For each of `count` grid positions along an axis: the two map cells that it lies between.
    fn taps(&self, axis: usize, map_size: usize, count: usize) -> Vec<Option<Tap>> {
        let input_size = self.input[axis] as f64;
        (0..count)
            .map(|index| {
                let slice_edge = (index as f64 + 0.5) * self.slice[axis] as f64 / count as f64;
                let input_edge =
                    slice_edge * self.resized[axis] as f64 / self.slice[axis] as f64 + self.shift[axis] as f64;
                if !(0.0..=input_size).contains(&input_edge) {
                    return None;
                }
                let at = (input_edge * map_size as f64 / input_size - 0.5).clamp(0.0, (map_size - 1) as f64);
                let first = at as usize;
                Some(Tap { first, second: (first + 1).min(map_size - 1), part: (at - first as f64) as f32 })
            })
            .collect()
    }
}

struct Tap {
    first: usize,
    second: usize,
    part: f32,
}

fn lerp(from: f32, to: f32, part: f32) -> f32 {
    from + (to - from) * part
}

/// A side's length, at least 1; halves to even, as Python's `round`.
fn rounded(length: f64) -> usize {
    (length.round_ties_even() as usize).max(1)
}

/// Half of a difference, halves to even, as Python's `round(difference / 2)`.
fn half(difference: usize) -> i64 {
    (difference as f64 / 2.0).round_ties_even() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [FitMode; 3] = [FitMode::Stretch, FitMode::Pad, FitMode::Crop];

    #[test]
    fn positions_go_there_and_back() {
        for mode in MODES {
            for slice in [[300, 200], [200, 300], [17, 17], [1, 9]] {
                let fit = Fit::new(mode, slice, [224, 224]);
                for position in [(0.0, 0.0), (3.25, 100.5), (-0.5, -0.5)] {
                    let (x, y) = fit.slice_from_input(fit.input_from_slice(position));
                    assert!((x - position.0).abs() < 1e-9 && (y - position.1).abs() < 1e-9, "{fit:?}");
                }
            }
        }
    }

    #[test]
    fn rectangles_become_pixels_and_back() {
        // Twice as many pixels in the input, in the middle.
        let fit = Fit { slice: [100, 50], input: [224, 224], resized: [200, 100], shift: [10, 60] };
        assert_eq!(fit.pixels_within([5.0, 10.0, 7.0, 20.0]), Some([30..50, 70..74]));
        assert_eq!(fit.slice_rectangle(&[30..50, 70..74]), [5.0, 10.0, 7.0, 20.0]);
        // A pixel belongs to the rectangle that its centre lies in.
        assert_eq!(fit.pixels_within([5.2, 10.3, 5.3, 10.9]), Some([31..32, 70..71]));
        assert_eq!(fit.pixels_within([5.3, 10.3, 5.7, 10.7]), None, "between two centres");
        assert_eq!(fit.pixels_within([-60.0, -40.0, 900.0, 900.0]), Some([0..224, 0..224]));
        assert_eq!(fit.pixels_within([-90.0, 0.0, -40.0, 10.0]), None, "outside");
        assert_eq!(fit.pixels_within([f32::NAN, 0.0, 4.0, 4.0]), None);
    }

    #[test]
    fn corners_meet_corners() {
        let fit = Fit::new(FitMode::Stretch, [100, 50], [224, 224]);
        assert_eq!(fit.input_from_slice((-0.5, -0.5)), (-0.5, -0.5));
        assert_eq!(fit.input_from_slice((49.5, 99.5)), (223.5, 223.5));

        let fit = Fit::new(FitMode::Pad, [100, 50], [224, 224]);
        assert_eq!((fit.resized, fit.shift), ([224, 112], [0, 56]));
        assert_eq!(fit.input_from_slice((-0.5, -0.5)), (55.5, -0.5));

        let fit = Fit::new(FitMode::Crop, [100, 50], [224, 224]);
        assert_eq!((fit.resized, fit.shift), ([448, 224], [-112, 0]));
        assert!(fit.covers((25.0, 50.0)) && !fit.covers((25.0, 10.0)));
    }

    #[test]
    fn crop_rounds_as_torchvision_does() {
        // Resize(224) of 301 x 500 gives 224 x int(224 * 500 / 301) = 372; CenterCrop starts at 74.
        let fit = Fit::new(FitMode::Crop, [301, 500], [224, 224]);
        assert_eq!((fit.resized, fit.shift), ([224, 372], [0, -74]));
    }

    #[test]
    fn extreme_aspects_keep_a_pixel() {
        for mode in MODES {
            let fit = Fit::new(mode, [1, 5000], [224, 224]);
            assert!(fit.resized.iter().all(|&side| side > 0), "{fit:?}");
        }
    }

    #[test]
    fn a_map_of_the_input_itself_lies_on_the_slice_pixel_by_pixel() {
        let fit = Fit::new(FitMode::Stretch, [3, 4], [3, 4]);
        let map: Vec<f32> = (0..12).map(|v| v as f32).collect();
        assert_eq!(fit.map_to_slice(&map, 3, 4, 3, 4), map);
    }

    #[test]
    fn a_coarse_map_is_interpolated_as_torch_does() {
        // interpolate(tensor([0, 1]), size=4, mode="linear", align_corners=False) = 0, 0.25, 0.75, 1
        let fit = Fit::new(FitMode::Stretch, [1, 4], [8, 8]);
        assert_eq!(fit.map_to_slice(&[0.0, 1.0], 1, 2, 1, 4), [0.0, 0.25, 0.75, 1.0]);
    }

    #[test]
    fn outside_a_crop_the_map_is_nothing() {
        let fit = Fit::new(FitMode::Crop, [2, 6], [4, 4]);
        assert_eq!(fit.map_to_slice(&[1.0], 1, 1, 1, 6), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn a_peak_in_the_map_stays_where_the_network_saw_it() {
        for mode in MODES {
            let fit = Fit::new(mode, [180, 240], [224, 224]);
            let mut map = vec![0.0; 14 * 14];
            map[5 * 14 + 6] = 1.0;
            let on_slice = fit.map_to_slice(&map, 14, 14, 180, 240);
            let peak = (0..on_slice.len()).max_by(|&a, &b| on_slice[a].total_cmp(&on_slice[b])).unwrap();
            let (x, y) = fit.input_from_slice(((peak % 240) as f64, (peak / 240) as f64));
            assert!((x - 103.5).abs() < 1.5 && (y - 87.5).abs() < 1.5, "{mode:?}: {x}, {y}");
        }
    }
}
