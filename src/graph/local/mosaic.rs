//! Parts of pictures, put together from what is common to all and what has changed in each.

use candle_core::{Device, Tensor};

use super::super::{kernels, op::Result};

/// Parts of pictures that are one and the same picture but for a rectangle in each.
#[derive(Debug, Clone, Copy)]
pub(in crate::graph) struct Mosaic<'a> {
    /// What all pictures have in common, `[1, channels, rows, columns]`.
    pub base: &'a Tensor,
    /// The rectangles, `[pictures, channels, rows, columns]`, and where each begins; `None` where nothing has changed.
    pub changed: Option<(&'a Tensor, &'a [[usize; 2]])>,
    /// Where the part of each picture begins; it may reach out of the picture.
    pub starts: &'a [[i64; 2]],
    /// Rows and columns of the parts.
    pub size: [usize; 2],
    /// What lies around the pictures.
    pub fill: f64,
}

impl Mosaic<'_> {
    /// The parts, `[pictures, channels, rows, columns]`.
    ///
    /// # Errors
    /// When the tensor library fails.
    pub fn parts(&self) -> Result<Tensor> {
        if kernels::serve(self.base) { kernels::mosaic::parts(self) } else { self.composed() }
    }

    /// The parts from tensor operations: all places of all parts are picked out of one row of places a channel, that of
    /// the common picture, those of the rectangles, and one place outside.
    pub(super) fn composed(&self) -> Result<Tensor> {
        let (_, channels, rows, columns) = self.base.dims4()?;
        let fill = Tensor::full(self.fill as f32, (channels, 1), self.base.device())?.to_dtype(self.base.dtype())?;
        let mut sources = vec![self.base.contiguous()?.reshape((channels, rows * columns))?];
        let mut outside = rows * columns;
        let mut changed = None;
        if let Some((values, at)) = self.changed {
            let (pictures, _, height, width) = values.dims4()?;
            let count = pictures * height * width;
            sources.push(values.permute((1, 0, 2, 3))?.contiguous()?.reshape((channels, count))?);
            changed = Some((outside, [height, width], at));
            outside += count;
        }
        sources.push(fill);
        let inside = |place: i64, from: usize, length: usize| {
            usize::try_from(place - from as i64).ok().filter(|&place| place < length)
        };
        let source = |picture: usize, row: i64, column: i64| {
            if let Some((first, [height, width], at)) = changed
                && let Some(row) = inside(row, at[picture][0], height)
                && let Some(column) = inside(column, at[picture][1], width)
            {
                return first + (picture * height + row) * width + column;
            }
            match (inside(row, 0, rows), inside(column, 0, columns)) {
                (Some(row), Some(column)) => row * columns + column,
                _ => outside,
            }
        };
        let mut places = Vec::with_capacity(self.starts.len() * self.size[0] * self.size[1]);
        for (picture, &[top, left]) in self.starts.iter().enumerate() {
            for row in top..top + self.size[0] as i64 {
                places.extend((left..left + self.size[1] as i64).map(|column| source(picture, row, column) as u32));
            }
        }
        let count = places.len();
        let places = Tensor::from_vec(places, count, &Device::Cpu)?.to_device(self.base.device())?;
        let picked = Tensor::cat(&sources, 1)?.index_select(&places, 1)?;
        let shape = (channels, self.starts.len(), self.size[0], self.size[1]);
        picked.reshape(shape)?.permute((1, 0, 2, 3))?.contiguous()
    }
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::graph::ops::tests::noise;

    #[test]
    fn kernel_and_tensor_operations_agree_in_every_order_and_over_every_edge() {
        let base = noise(&[1, 3, 5, 7], 1);
        let changed = noise(&[4, 3, 2, 3], 2);
        let at = [[0, 0], [3, 4], [1, 2], [2, 0]];
        let starts = [[-2, -1], [3, 5], [0, 0], [-9, 3]];
        let last = |tensor: &Tensor| tensor.permute((0, 2, 3, 1)).unwrap().contiguous().unwrap();
        for dtype in [DType::F32, DType::F64] {
            let [base, changed] = [&base, &changed].map(|tensor| tensor.to_dtype(dtype).unwrap());
            for size in [[1, 1], [4, 6], [9, 11]] {
                for changed in [Some((&changed, &at[..])), None] {
                    let mosaic = Mosaic { base: &base, changed, starts: &starts, size, fill: -3.5 };
                    let expected = mosaic.composed().unwrap();
                    assert_eq!(expected.dims(), [4, 3, size[0], size[1]]);
                    let difference = |found: &Tensor| {
                        let found = (found - &expected).unwrap().abs().unwrap().flatten_all().unwrap();
                        found.to_dtype(DType::F64).unwrap().max(0).unwrap().to_scalar::<f64>().unwrap()
                    };
                    assert_eq!(difference(&mosaic.parts().unwrap()), 0.0);
                    let turned = last(&base).permute((0, 3, 1, 2)).unwrap();
                    let parts = Mosaic { base: &turned, ..mosaic }.parts().unwrap();
                    assert_eq!(difference(&parts), 0.0);
                    assert!(parts.permute((0, 2, 3, 1)).unwrap().is_contiguous(), "the order is kept");
                }
            }
        }
    }

    #[test]
    fn the_changed_rectangle_lies_over_the_common_picture() {
        let base = Tensor::arange(0_f32, 9.0, &Device::Cpu).unwrap().reshape((1, 1, 3, 3)).unwrap();
        let changed = Tensor::full(-1_f32, (1, 1, 1, 2), &Device::Cpu).unwrap();
        let at = [[1, 1]];
        let mosaic = Mosaic { base: &base, changed: Some((&changed, &at)), starts: &[[0, 1]], size: [3, 3], fill: 9.0 };
        let found = mosaic.parts().unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(found, [1.0, 2.0, 9.0, -1.0, -1.0, 9.0, 7.0, 8.0, 9.0]);
    }
}
