//! Numbers as they lie in weight files → `f32`.

use half::{bf16, f16};

/// The kinds of number that weight files hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    F64,
    F32,
    F16,
    Bf16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

/// The byte order of the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
}

impl Element {
    /// Bytes of one number.
    pub fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// The whole numbers of this kind in `bytes`, rounded to `f32`; bytes beyond the last whole number are left.
    pub fn decode(self, bytes: &[u8], order: Order) -> Vec<f32> {
        match self {
            Self::F64 => numbers(bytes, order, |b| f64::from_le_bytes(b) as f32),
            Self::F32 => numbers(bytes, order, f32::from_le_bytes),
            Self::F16 => numbers(bytes, order, |b| f16::from_le_bytes(b).to_f32()),
            Self::Bf16 => numbers(bytes, order, |b| bf16::from_le_bytes(b).to_f32()),
            Self::I64 => numbers(bytes, order, |b| i64::from_le_bytes(b) as f32),
            Self::I32 => numbers(bytes, order, |b| i32::from_le_bytes(b) as f32),
            Self::I16 => numbers(bytes, order, |b| f32::from(i16::from_le_bytes(b))),
            Self::I8 => numbers(bytes, order, |b| f32::from(i8::from_le_bytes(b))),
            Self::U8 => numbers(bytes, order, |[b]| f32::from(b)),
            Self::Bool => numbers(bytes, order, |[b]| f32::from(u8::from(b != 0))),
        }
    }
}

fn numbers<const N: usize>(bytes: &[u8], order: Order, decode: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (numbers, _) = bytes.as_chunks::<N>();
    match order {
        Order::Little => numbers.iter().map(|&number| decode(number)).collect(),
        Order::Big => numbers
            .iter()
            .map(|&(mut number)| {
                number.reverse();
                decode(number)
            })
            .collect(),
    }
}

/// How a tensor lies in its storage, in elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub offset: usize,
    pub size: Vec<usize>,
    pub stride: Vec<usize>,
}

/// The most dimensions that a tensor may have.
const MOST_DIMENSIONS: usize = 8;

impl Layout {
    /// Elements of the tensor, once it is certain that all of them lie within `storage` elements and that there
    /// are no more of them than the storage has (so that strides of 0 cannot ask for memory without end).
    pub fn check(&self, storage: usize) -> Result<usize, String> {
        if self.size.len() != self.stride.len() || self.size.len() > MOST_DIMENSIONS {
            return Err(format!("sizes {:?} with strides {:?} make no tensor", self.size, self.stride));
        }
        let outside = || format!("size {:?} from {} on reaches beyond its {storage} values", self.size, self.offset);
        let mut count = 1_usize;
        let mut last = self.offset;
        for (&size, &stride) in self.size.iter().zip(&self.stride) {
            count = count.checked_mul(size).ok_or_else(outside)?;
            let reach = size.saturating_sub(1).checked_mul(stride).ok_or_else(outside)?;
            last = last.checked_add(reach).ok_or_else(outside)?;
        }
        if count > storage || (count > 0 && last >= storage) {
            return Err(outside());
        }
        Ok(count)
    }

    /// The tensor's elements in row-major order. The layout has been checked against `storage`.
    pub fn gather(&self, storage: &[f32], count: usize) -> Vec<f32> {
        if self.is_contiguous() {
            return storage[self.offset..self.offset + count].to_vec();
        }
        let mut gathered = Vec::with_capacity(count);
        let mut index = vec![0_usize; self.size.len()];
        let mut at = self.offset;
        for _ in 0..count {
            gathered.push(storage[at]);
            for axis in (0..self.size.len()).rev() {
                index[axis] += 1;
                at += self.stride[axis];
                if index[axis] < self.size[axis] {
                    break;
                }
                at -= index[axis] * self.stride[axis];
                index[axis] = 0;
            }
        }
        gathered
    }

    fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.size.iter().zip(&self.stride).rev().all(|(&size, &stride)| {
            let fits = size == 1 || stride == expected;
            expected *= size;
            fits
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_number_in_both_orders() {
        let cases: [(Element, &[u8], f32); 10] = [
            (Element::F64, &1.5_f64.to_le_bytes(), 1.5),
            (Element::F32, &(-2.25_f32).to_le_bytes(), -2.25),
            (Element::F16, &f16::from_f32(0.5).to_le_bytes(), 0.5),
            (Element::Bf16, &bf16::from_f32(-3.0).to_le_bytes(), -3.0),
            (Element::I64, &(-7_i64).to_le_bytes(), -7.0),
            (Element::I32, &70_000_i32.to_le_bytes(), 70_000.0),
            (Element::I16, &(-300_i16).to_le_bytes(), -300.0),
            (Element::I8, &(-3_i8).to_le_bytes(), -3.0),
            (Element::U8, &[200], 200.0),
            (Element::Bool, &[1], 1.0),
        ];
        for (element, little, expected) in cases {
            assert_eq!(little.len(), element.size());
            assert_eq!(element.decode(little, Order::Little), [expected], "{element:?}");
            let big: Vec<u8> = little.iter().rev().copied().collect();
            assert_eq!(element.decode(&big, Order::Big), [expected], "{element:?}");
        }
    }

    #[test]
    fn a_transposed_view_with_an_offset_becomes_contiguous() {
        let storage: Vec<f32> = (0..8).map(|v| v as f32).collect();
        let layout = Layout { offset: 1, size: vec![3, 2], stride: vec![1, 3] };
        let count = layout.check(storage.len()).unwrap();
        assert_eq!(layout.gather(&storage, count), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }

    #[test]
    fn layouts_beyond_the_storage_are_refused() {
        let refused = [
            Layout { offset: 7, size: vec![2], stride: vec![1] },
            Layout { offset: 0, size: vec![1 << 40, 1 << 40], stride: vec![0, 0] },
            Layout { offset: 0, size: vec![9], stride: vec![0] },
            Layout { offset: usize::MAX, size: vec![2], stride: vec![1] },
            Layout { offset: 0, size: vec![2, 2], stride: vec![1] },
            Layout { offset: 0, size: vec![2], stride: vec![usize::MAX] },
        ];
        for layout in refused {
            layout.check(8).unwrap_err();
        }
    }
}
