//! Grey values, kept in the width of the file.

use std::borrow::Cow;
use std::mem::size_of_val;

use super::picture::finite_range;
use super::quantiles::Quantiles;
use super::{ModalityLut, Voi};

/// The values of a grey picture after the modality LUT, row-major.
///
/// Codes of up to 16 bits stay as the file stores them: half of what numbers take, and a window is a table for them.
/// Every function gives what it would give for the values themselves.
#[derive(Debug, Clone, PartialEq)]
pub struct GreyValues(Held);

#[derive(Debug, Clone, PartialEq)]
enum Held {
    Numbers(Vec<f32>),
    U8(Coded<u8>),
    I8(Coded<i8>),
    U16(Coded<u16>),
    I16(Coded<i16>),
}

#[derive(Debug, Clone, PartialEq)]
struct Coded<T> {
    codes: Vec<T>,
    slope: f64,
    intercept: f64,
    /// Least and greatest code; of no codes, 0 and 0.
    span: (i32, i32),
}

/// A code of at most 16 bits.
pub trait Code: Copy + Ord + Into<i32> + Into<f64> {
    /// The values that codes between the ends of `span` stand for by `slope · code + intercept`.
    fn values(codes: Vec<Self>, span: (i32, i32), slope: f64, intercept: f64) -> GreyValues;
}

macro_rules! code {
    ($($of:ty => $variant:ident),*) => {
        $(impl Code for $of {
            fn values(codes: Vec<Self>, span: (i32, i32), slope: f64, intercept: f64) -> GreyValues {
                GreyValues(Held::$variant(Coded { codes, slope, intercept, span }))
            }
        })*
    };
}
code!(u8 => U8, i8 => I8, u16 => U16, i16 => I16);

/// Runs the same expression on numbers, or on whichever codes there are.
macro_rules! each {
    ($values:expr, $numbers:ident => $plain:expr, $coded:ident => $result:expr) => {
        match &$values.0 {
            Held::Numbers($numbers) => $plain,
            Held::U8($coded) => $result,
            Held::I8($coded) => $result,
            Held::U16($coded) => $result,
            Held::I16($coded) => $result,
        }
    };
}

impl From<Vec<f32>> for GreyValues {
    fn from(values: Vec<f32>) -> Self {
        Self(Held::Numbers(values))
    }
}

impl GreyValues {
    /// What stored codes stand for. Those of a linear LUT stay codes; those of a table, or of a line so steep that a
    /// value would not be finite, become numbers.
    #[must_use]
    pub fn of_codes<T: Code>(codes: Vec<T>, lut: &ModalityLut) -> Self {
        if let ModalityLut::Linear { slope, intercept } = *lut {
            let (low, high) = span(&codes);
            // A line lies between its ends.
            let is_finite = [low, high].iter().all(|code| lut.value(f64::from(*code)).is_finite());
            if is_finite {
                return T::values(codes, (low, high), slope, intercept);
            }
        }
        lut.apply(&codes).into()
    }

    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        each!(self, numbers => numbers.len(), coded => coded.codes.len())
    }

    /// Whether there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What they take in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        each!(self, numbers => size_of_val(numbers.as_slice()), coded => size_of_val(coded.codes.as_slice()))
    }

    /// One value.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<f32> {
        each!(self, numbers => numbers.get(index).copied(), coded => coded.codes.get(index).map(|&code| coded.value(code.into())))
    }

    /// All of them as numbers.
    #[must_use]
    pub fn numbers(&self) -> Cow<'_, [f32]> {
        each!(self, numbers => Cow::Borrowed(numbers.as_slice()), coded => Cow::Owned(coded.numbers()))
    }

    /// Screen values of 8 bits, as [`Voi::apply8`].
    #[must_use]
    pub fn shown(&self, voi: &Voi, invert: bool) -> Vec<u8> {
        each!(self, numbers => voi.apply8(numbers, invert), coded => coded.shown(voi, invert))
    }

    /// Least and greatest finite value, (0, 0) where there is none.
    #[must_use]
    pub fn range(&self) -> (f32, f32) {
        each!(self, numbers => finite_range(numbers), coded => coded.range())
    }

    pub(super) fn quantiles(&self) -> Quantiles {
        each!(self, numbers => Quantiles::of(numbers), coded => coded.quantiles())
    }

    /// The window from the `low`th to the `high`th percentile of the values, as [`Voi::percentiles`].
    #[must_use]
    pub fn percentile_voi(&self, low: f64, high: f64) -> Voi {
        let (low, high) = self.quantiles().between(low, high, self.range());
        Voi::range(low, high)
    }
}

/// Least and greatest code; 0 and 0 of none.
fn span<T: Code>(codes: &[T]) -> (i32, i32) {
    let Some(&first) = codes.first() else { return (0, 0) };
    let (low, high) = codes.iter().fold((first, first), |(low, high), &code| (low.min(code), high.max(code)));
    (low.into(), high.into())
}

impl<T: Code> Coded<T> {
    fn value(&self, code: f64) -> f32 {
        self.lut().value(code)
    }

    fn lut(&self) -> ModalityLut {
        ModalityLut::Linear { slope: self.slope, intercept: self.intercept }
    }

    fn numbers(&self) -> Vec<f32> {
        self.lut().apply(&self.codes)
    }

    /// Number of different codes that there can be.
    fn width(&self) -> usize {
        (self.span.1 - self.span.0) as usize + 1
    }

    /// Place of a code in a table over the span; codes lie in it by construction.
    fn place(&self, code: T) -> usize {
        (Into::<i32>::into(code) - self.span.0) as usize
    }

    /// The value of each code of the span.
    fn table(&self) -> Vec<f32> {
        (self.span.0..=self.span.1).map(|code| self.value(f64::from(code))).collect()
    }

    fn shown(&self, voi: &Voi, invert: bool) -> Vec<u8> {
        if self.width() > self.codes.len() {
            return voi.apply8(&self.numbers(), invert);
        }
        let table = voi.apply8(&self.table(), invert);
        self.codes.iter().map(|&code| table[self.place(code)]).collect()
    }

    fn range(&self) -> (f32, f32) {
        if self.codes.is_empty() {
            return (0.0, 0.0);
        }
        let ends = (self.value(f64::from(self.span.0)), self.value(f64::from(self.span.1)));
        (ends.0.min(ends.1), ends.0.max(ends.1))
    }

    fn quantiles(&self) -> Quantiles {
        let step = Quantiles::step(self.codes.len());
        let sampled = self.codes.len().div_ceil(step);
        if self.width() > sampled {
            return Quantiles::of(&self.numbers());
        }
        let mut counts = vec![0_u32; self.width()];
        for &code in self.codes.iter().step_by(step) {
            counts[self.place(code)] += 1;
        }
        let mut counted: Vec<(f32, u32)> =
            self.table().into_iter().zip(counts).filter(|(_, count)| *count > 0).collect();
        if self.slope < 0.0 {
            counted.reverse();
        }
        Quantiles::of_counts(&counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::VoiFunction;

    /// The same values as codes and as numbers.
    fn both<T: Code>(codes: Vec<T>, lut: &ModalityLut) -> [GreyValues; 2] {
        let numbers = GreyValues::from(lut.apply(&codes));
        [GreyValues::of_codes(codes, lut), numbers]
    }

    fn agree(of: &[GreyValues; 2]) {
        let [coded, plain] = of;
        assert_eq!(coded.numbers(), plain.numbers());
        assert_eq!(coded.range(), plain.range());
        assert_eq!(coded.quantiles(), plain.quantiles());
        assert_eq!((coded.len(), coded.get(1), coded.get(1 << 20)), (plain.len(), plain.get(1), None));
        for voi in [Voi::window(40.0, 400.0), Voi::window(0.0, 1.0), Voi::range(-500.0, 3000.0)] {
            for invert in [false, true] {
                assert_eq!(coded.shown(&voi, invert), plain.shown(&voi, invert), "{voi:?}");
            }
        }
        let sigmoid = Voi::Window { centre: 9.0, width: 70.0, function: VoiFunction::Sigmoid, explanation: None };
        assert_eq!(coded.shown(&sigmoid, false), plain.shown(&sigmoid, false));
        assert_eq!(coded.percentile_voi(1.0, 99.0), plain.percentile_voi(1.0, 99.0));
    }

    #[test]
    fn codes_are_what_they_stand_for() {
        let steps = |count: usize| (0..count).map(|at| (at * 7919) % 4001);
        for (slope, intercept) in [(1.0, 0.0), (1.0, -1024.0), (0.37, 12.5), (-2.0, 100.0), (0.0, 7.0)] {
            let lut = ModalityLut::Linear { slope, intercept };
            // As many as are all looked at, more of which every third is, fewer than there are codes, and one.
            for count in [40_000, 200_000, 100, 1] {
                agree(&both(steps(count).map(|code| code as u16).collect(), &lut));
                agree(&both(steps(count).map(|code| code as i16 - 2000).collect(), &lut));
                agree(&both(steps(count).map(|code| code as u8).collect(), &lut));
                agree(&both(steps(count).map(|code| code as i8).collect(), &lut));
            }
        }
    }

    #[test]
    fn the_ends_of_the_range_of_codes_have_room() {
        let lut = ModalityLut::Linear { slope: 2.0, intercept: 1.0 };
        agree(&both(vec![i16::MIN, i16::MAX], &lut));
        agree(&both((0..=u16::MAX).collect(), &lut));
        agree(&both((i16::MIN..=i16::MAX).rev().collect(), &lut));
    }

    #[test]
    fn codes_take_their_own_width() {
        let lut = ModalityLut::Linear { slope: 2.0, intercept: 1.0 };
        assert_eq!(GreyValues::of_codes(vec![1_i16; 10], &lut).bytes(), 20);
        assert_eq!(GreyValues::of_codes(vec![1_u8; 10], &lut).bytes(), 10);
        assert_eq!(GreyValues::from(vec![0.5; 10]).bytes(), 40);
    }

    #[test]
    fn tables_and_lines_out_of_reach_become_numbers() {
        let table = ModalityLut::Table { first: 0, values: vec![5.0, 1.0] };
        assert_eq!(GreyValues::of_codes(vec![0_u8, 1, 2], &table), vec![5.0, 1.0, 1.0].into());
        let steep = ModalityLut::Linear { slope: 1e38, intercept: 0.0 };
        let values = GreyValues::of_codes(vec![0_u16, 1, 900], &steep);
        assert_eq!((values.range(), values.bytes()), ((0.0, 1e38), 12));
        let absurd = ModalityLut::Linear { slope: f64::NAN, intercept: 0.0 };
        assert_eq!(GreyValues::of_codes(vec![3_u16], &absurd).range(), (0.0, 0.0));
        let none = GreyValues::of_codes(Vec::<u16>::new(), &ModalityLut::IDENTITY);
        assert!(none.is_empty() && none.range() == (0.0, 0.0) && none.shown(&Voi::range(0.0, 1.0), false).is_empty());
    }
}
