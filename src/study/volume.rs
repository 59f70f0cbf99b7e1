//! Arrays of numbers in a file, from which slices are taken in any direction.

use super::{Pixels, Stored};
use crate::display::Voi;

use super::picture::ROBUST_PERCENT;

/// Values looked at to find the window of a whole array.
const SAMPLED_VALUES: usize = 1 << 16;

/// The type of an array's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    /// Given out as f64, exact up to 2⁵³.
    U64,
    /// Given out as f64, exact up to ±2⁵³.
    I64,
    /// Given out as f32.
    F16,
    F32,
    F64,
}

impl Element {
    /// Bytes of one element.
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }
}

/// How one slice lies in an array: the index of its first element, and how far apart neighbours are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub start: usize,
    pub rows: usize,
    pub columns: usize,
    pub samples: usize,
    pub row_step: isize,
    pub column_step: isize,
    pub sample_step: isize,
}

/// An array's elements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elements<'a> {
    pub bytes: &'a [u8],
    pub element: Element,
    pub big_endian: bool,
}

impl Elements<'_> {
    /// The values of one slice; `None` where the layout reaches beyond the array.
    pub fn slice(&self, layout: &Layout) -> Option<Pixels> {
        if !self.holds(layout) {
            return None;
        }
        let stored = match self.element {
            Element::U8 => Stored::U8(self.gather(layout, u8::from_le_bytes)),
            Element::I8 => Stored::I8(self.gather(layout, i8::from_le_bytes)),
            Element::U16 => Stored::U16(self.gather(layout, u16::from_le_bytes)),
            Element::I16 => Stored::I16(self.gather(layout, i16::from_le_bytes)),
            Element::U32 => Stored::U32(self.gather(layout, u32::from_le_bytes)),
            Element::I32 => Stored::I32(self.gather(layout, i32::from_le_bytes)),
            Element::U64 => Stored::F64(self.gather(layout, |b| u64::from_le_bytes(b) as f64)),
            Element::I64 => Stored::F64(self.gather(layout, |b| i64::from_le_bytes(b) as f64)),
            Element::F16 => Stored::F32(self.gather(layout, |b| half::f16::from_le_bytes(b).to_f32())),
            Element::F32 => Stored::F32(self.gather(layout, f32::from_le_bytes)),
            Element::F64 => Stored::F64(self.gather(layout, f64::from_le_bytes)),
        };
        Some(Pixels::new(layout.rows, layout.columns, layout.samples, stored))
    }

    /// A window for all slices together, of values after `slope · v + intercept`; `None` for bytes as they are, whose
    /// full range is shown.
    pub fn window(&self, slope: f64, intercept: f64) -> Option<Voi> {
        if self.element == Element::U8 && slope == 1.0 && intercept == 0.0 {
            return None;
        }
        let count = self.bytes.len() / self.element.bytes();
        // An odd step does not fall into step with rows, whose lengths are mostly even.
        let step = (count / SAMPLED_VALUES) | 1;
        let columns = count.div_ceil(step);
        let layout = Layout {
            start: 0,
            rows: 1,
            columns,
            samples: 1,
            row_step: 0,
            column_step: isize::try_from(step).ok()?,
            sample_step: 0,
        };
        let sampled = self.slice(&layout)?.stored;
        let values: Vec<f32> =
            (0..columns).filter_map(|i| Some((slope * sampled.get(i)? + intercept) as f32)).collect();
        Some(Voi::percentiles(&values, ROBUST_PERCENT[0], ROBUST_PERCENT[1]))
    }

    /// Whether the first and the last element in each direction lie within the array.
    fn holds(&self, layout: &Layout) -> bool {
        let count = self.bytes.len() / self.element.bytes();
        let reach = |step: isize, length: usize| (step as i128) * (length as i128 - 1);
        let steps = [
            reach(layout.row_step, layout.rows),
            reach(layout.column_step, layout.columns),
            reach(layout.sample_step, layout.samples),
        ];
        let start = layout.start as i128;
        let low: i128 = start + steps.iter().filter(|s| **s < 0).sum::<i128>();
        let high: i128 = start + steps.iter().filter(|s| **s > 0).sum::<i128>();
        layout.rows > 0 && layout.columns > 0 && layout.samples > 0 && low >= 0 && high < count as i128
    }

    /// The elements of a slice that [`Elements::holds`].
    fn gather<const N: usize, T>(&self, layout: &Layout, value: impl Fn([u8; N]) -> T) -> Vec<T> {
        let mut values = Vec::with_capacity(layout.rows * layout.columns * layout.samples);
        for row in 0..layout.rows as isize {
            for column in 0..layout.columns as isize {
                for sample in 0..layout.samples as isize {
                    let step = row * layout.row_step + column * layout.column_step + sample * layout.sample_step;
                    let at = (layout.start as isize + step) as usize * N;
                    let mut digits = [0; N];
                    digits.copy_from_slice(&self.bytes[at..at + N]);
                    if self.big_endian {
                        digits.reverse();
                    }
                    values.push(value(digits));
                }
            }
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout =
        Layout { start: 0, rows: 2, columns: 2, samples: 1, row_step: 2, column_step: 1, sample_step: 0 };

    #[test]
    fn slices_in_any_direction_and_byte_order() {
        let bytes = [0, 1, 0, 2, 0, 3, 0, 4];
        let big = Elements { bytes: &bytes, element: Element::I16, big_endian: true };
        assert_eq!(big.slice(&LAYOUT).unwrap().stored, Stored::I16(vec![1, 2, 3, 4]));
        let turned = Layout { start: 3, row_step: -1, column_step: -2, ..LAYOUT };
        assert_eq!(big.slice(&turned).unwrap().stored, Stored::I16(vec![4, 2, 3, 1]));
        let little = Elements { big_endian: false, ..big };
        assert_eq!(little.slice(&LAYOUT).unwrap().stored, Stored::I16(vec![256, 512, 768, 1024]));
    }

    #[test]
    fn nothing_beyond_the_array() {
        let elements = Elements { bytes: &[0; 7], element: Element::U16, big_endian: false };
        assert!(elements.slice(&LAYOUT).is_none());
        let before = Layout { start: 0, row_step: -1, ..LAYOUT };
        assert!(Elements { bytes: &[0; 64], ..elements }.slice(&before).is_none());
        assert!(Elements { bytes: &[0; 64], ..elements }.slice(&Layout { rows: 0, ..LAYOUT }).is_none());
    }

    #[test]
    fn the_window_is_that_of_the_whole() {
        let bytes: Vec<u8> = (0..1000_u16).flat_map(u16::to_le_bytes).collect();
        let elements = Elements { bytes: &bytes, element: Element::U16, big_endian: false };
        assert_eq!(elements.window(1.0, 0.0).unwrap().centre_width(), (499.5, 989.0));
        assert!(Elements { element: Element::U8, ..elements }.window(1.0, 0.0).is_none());
    }
}
