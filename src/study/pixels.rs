//! Stored values, in the width in which the file has them.

/// Decoded stored values of one slice, before any LUT or colour conversion; row-major, samples interleaved.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    /// Height in pixels.
    pub rows: usize,
    /// Width in pixels.
    pub columns: usize,
    /// Samples per pixel.
    pub samples: usize,
    /// rows × columns × samples values.
    pub stored: Stored,
    /// What a reader should be told: "62 of 8192 bytes are missing; they are shown as 0".
    pub notes: Vec<String>,
}

impl Pixels {
    /// Values of a slice without notes.
    #[must_use]
    pub fn new(rows: usize, columns: usize, samples: usize, stored: Stored) -> Self {
        Self { rows, columns, samples, stored, notes: Vec::new() }
    }

    /// The stored samples of a pixel; `None` outside.
    #[must_use]
    pub fn at(&self, row: usize, column: usize) -> Option<Vec<f64>> {
        if row >= self.rows || column >= self.columns {
            return None;
        }
        let first = (row * self.columns + column) * self.samples;
        (first..first + self.samples).map(|index| self.stored.get(index)).collect()
    }
}

/// The values, one variant for each native width.
#[derive(Debug, Clone, PartialEq)]
pub enum Stored {
    /// 8 bit, unsigned.
    U8(Vec<u8>),
    /// 8 bit, signed.
    I8(Vec<i8>),
    /// 16 bit, unsigned.
    U16(Vec<u16>),
    /// 16 bit, signed.
    I16(Vec<i16>),
    /// 32 bit, unsigned.
    U32(Vec<u32>),
    /// 32 bit, signed.
    I32(Vec<i32>),
    /// Floating point of 32 bits.
    F32(Vec<f32>),
    /// Floating point of 64 bits.
    F64(Vec<f64>),
}

/// Runs the same expression on the vector of each variant.
macro_rules! each {
    ($stored:expr, $values:ident => $result:expr) => {
        match $stored {
            Stored::U8($values) => $result,
            Stored::I8($values) => $result,
            Stored::U16($values) => $result,
            Stored::I16($values) => $result,
            Stored::U32($values) => $result,
            Stored::I32($values) => $result,
            Stored::F32($values) => $result,
            Stored::F64($values) => $result,
        }
    };
}

impl Stored {
    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        each!(self, values => values.len())
    }

    /// Whether there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One value; every variant's values are exact in an f64.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<f64> {
        each!(self, values => value(values, index))
    }

    /// Least, greatest and mean value of those that are numbers; `None` where there are none.
    #[must_use]
    pub fn statistics(&self) -> Option<Statistics> {
        let mut statistics = Statistics::default();
        each!(self, values => statistics.add(values));
        (statistics.count > 0).then_some(statistics)
    }

    /// The values as bytes, little endian, in their own width.
    #[must_use]
    pub fn little_endian_bytes(&self) -> Vec<u8> {
        each!(self, values => values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// NumPy's name of the type.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::U8(_) => "uint8",
            Self::I8(_) => "int8",
            Self::U16(_) => "uint16",
            Self::I16(_) => "int16",
            Self::U32(_) => "uint32",
            Self::I32(_) => "int32",
            Self::F32(_) => "float32",
            Self::F64(_) => "float64",
        }
    }
}

/// Least, greatest and mean value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statistics {
    /// Least value.
    pub min: f64,
    /// Greatest value.
    pub max: f64,
    /// Sum of all.
    pub sum: f64,
    /// Number of values.
    pub count: usize,
}

impl Default for Statistics {
    /// Those of no values.
    fn default() -> Self {
        Self { min: f64::INFINITY, max: f64::NEG_INFINITY, sum: 0.0, count: 0 }
    }
}

impl Statistics {
    /// The mean value.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum / self.count.max(1) as f64
    }

    /// Those of both together.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        Self {
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            sum: self.sum + other.sum,
            count: self.count + other.count,
        }
    }

    fn add<T: Copy + Into<f64>>(&mut self, values: &[T]) {
        for value in values.iter().map(|v| (*v).into()).filter(|v: &f64| !v.is_nan()) {
            self.min = self.min.min(value);
            self.max = self.max.max(value);
            self.sum += value;
            self.count += 1;
        }
    }
}

fn value<T: Copy + Into<f64>>(values: &[T], index: usize) -> Option<f64> {
    values.get(index).map(|v| (*v).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_bytes_and_statistics() {
        let pixels = Pixels::new(1, 2, 2, Stored::I16(vec![-2, 258, 1, 3]));
        assert_eq!(pixels.at(0, 1), Some(vec![1.0, 3.0]));
        assert_eq!(pixels.at(0, 2), None);
        assert_eq!(pixels.stored.little_endian_bytes(), [254, 255, 2, 1, 1, 0, 3, 0]);
        let statistics = pixels.stored.statistics().unwrap();
        assert_eq!((statistics.min, statistics.max, statistics.mean()), (-2.0, 258.0, 65.0));
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        let statistics = Stored::F32(vec![f32::NAN, 2.0]).statistics().unwrap();
        assert_eq!((statistics.min, statistics.max, statistics.count), (2.0, 2.0, 1));
        assert_eq!(Stored::F64(vec![f64::NAN]).statistics(), None);
    }
}
