//! The modality LUT (DICOM PS3.3 C.11.1).

/// Maps stored values to values with a meaning (Hounsfield units, counts, …).
#[derive(Debug, Clone, PartialEq)]
pub enum ModalityLut {
    /// `slope · stored + intercept`; the identity has slope 1 and intercept 0.
    Linear {
        /// Rescale Slope (0028,1053).
        slope: f64,
        /// Rescale Intercept (0028,1052), in the unit of the result.
        intercept: f64,
    },
    /// A table: the entry for a stored value `v` is `values[clamp(v − first, 0, len − 1)]`.
    Table {
        /// The stored value that the first entry is for.
        first: i64,
        /// The entries.
        values: Vec<f32>,
    },
}

impl ModalityLut {
    /// The map that leaves stored values as they are.
    pub const IDENTITY: Self = Self::Linear { slope: 1.0, intercept: 0.0 };

    /// The value of one stored value; a table without entries leaves it as it is.
    #[must_use]
    pub fn value(&self, stored: f64) -> f32 {
        match self {
            Self::Linear { slope, intercept } => (slope * stored + intercept) as f32,
            Self::Table { first, values } => table_index(stored, *first, values.len())
                .and_then(|index| values.get(index).copied())
                .unwrap_or(stored as f32),
        }
    }

    /// The values of stored values, in their order.
    #[must_use]
    pub fn apply<T: Copy + Into<f64>>(&self, stored: &[T]) -> Vec<f32> {
        match self {
            Self::Linear { slope, intercept } => {
                stored.iter().map(|&v| (slope * v.into() + intercept) as f32).collect()
            }
            Self::Table { .. } => stored.iter().map(|&v| self.value(v.into())).collect(),
        }
    }
}

/// `clamp(v − first, 0, length − 1)`; `None` for a table without entries. What is not a number counts as the first.
pub(super) fn table_index(value: f64, first: i64, length: usize) -> Option<usize> {
    let last = length.checked_sub(1)?;
    // A float-to-integer cast saturates, so that values far outside end at the table's ends.
    Some(((value.floor() - first as f64) as usize).min(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rescale_gives_hounsfield_units() {
        let lut = ModalityLut::Linear { slope: 2.0, intercept: -1024.0 };
        assert_eq!(lut.apply(&[0_u16, 512, 1024]), [-1024.0, 0.0, 1024.0]);
        assert_eq!(ModalityLut::IDENTITY.apply(&[-7_i16, 7]), [-7.0, 7.0]);
    }

    #[test]
    fn a_table_holds_its_ends() {
        let lut = ModalityLut::Table { first: 10, values: vec![1.0, 4.0, 9.0] };
        assert_eq!(lut.apply(&[-3_i16, 9, 10, 11, 12, 13, 300]), [1.0, 1.0, 1.0, 4.0, 9.0, 9.0, 9.0]);
        let empty = ModalityLut::Table { first: 0, values: Vec::new() };
        assert_eq!(empty.apply(&[5_u8]), [5.0]);
    }
}
