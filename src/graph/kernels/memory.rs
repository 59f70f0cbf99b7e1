//! In which order the elements of pictures lie in memory.
//!
//! A tensor of shape `[batch, channels, rows, columns]` may lie row-major, as its shape says, or with the channels last:
//! `[batch][rows][columns][channels]`, which is what the fast kernels work on. The shape is the same, only the strides
//! differ, so that operations that know nothing of it still compute the right thing.

use candle_core::{DType, Device, Result, Storage, Tensor, WithDType, bail};

use super::{
    fast::{self, Edges},
    serve, tensor,
};

/// How the elements of a tensor lie, without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::graph) enum Order {
    /// Row-major in the order of the dimensions.
    First,
    /// Pictures with the channels last.
    Last,
}

impl Order {
    /// How this tensor's elements lie; `None` where they have gaps or another order.
    pub fn of(tensor: &Tensor) -> Option<Self> {
        if tensor.is_contiguous() {
            return Some(Self::First);
        }
        let &[batch, channels, rows, columns] = tensor.dims() else { return None };
        let &[picture, channel, row, column] = tensor.stride() else { return None };
        let fits = |length: usize, stride: usize, expected: usize| length == 1 || stride == expected;
        let is_last = fits(batch, picture, rows * columns * channels)
            && fits(channels, channel, 1)
            && fits(rows, row, columns * channels)
            && fits(columns, column, channels);
        is_last.then_some(Self::Last)
    }

    /// The order in which element by element work is best done on this tensor.
    pub fn best(tensor: &Tensor) -> Self {
        Self::of(tensor).unwrap_or(Self::First)
    }
}

/// Whether a tensor's elements lie with the channels last, and not row-major as well.
pub(in crate::graph) fn is_last(tensor: &Tensor) -> bool {
    Order::of(tensor) == Some(Order::Last)
}

/// Whether the kernels for channels that lie last can take a tensor: `f32` pictures on the CPU.
pub(in crate::graph) fn is_picture(tensor: &Tensor) -> bool {
    tensor.rank() == 4 && tensor.dtype() == DType::F32 && serve(tensor)
}

/// The same tensor row-major; one that is already is not copied.
///
/// # Errors
/// When the tensor library fails.
pub(in crate::graph) fn row_major(tensor: &Tensor) -> Result<Tensor> {
    if !is_last(tensor) || !is_picture(tensor) {
        return tensor.contiguous();
    }
    let (batch, channels, rows, columns) = tensor.dims4()?;
    let values = read_as(tensor, Order::Last, |values: &[f32]| {
        let mut out = vec![0.0_f32; values.len()];
        fast::to_first(values, [batch, rows, columns, channels], &mut out);
        Ok(out)
    })?;
    self::tensor(values, tensor.shape())
}

/// The same tensor with the channels last; one that is already is not copied.
///
/// # Errors
/// When the tensor library fails.
pub(in crate::graph) fn channels_last(tensor: &Tensor) -> Result<Tensor> {
    if is_last(tensor) {
        return Ok(tensor.clone());
    }
    let (batch, channels, rows, columns) = tensor.dims4()?;
    if !is_picture(tensor) {
        return tensor.permute((0, 2, 3, 1))?.contiguous()?.permute((0, 3, 1, 2));
    }
    let values = super::read(tensor, |values: &[f32]| {
        let mut out = vec![0.0_f32; values.len()];
        fast::to_last(values, [batch, channels, rows, columns], Edges::default(), &mut out);
        Ok(out)
    })?;
    of_order(values, tensor.dims(), Order::Last)
}

/// Lends the elements in this order.
///
/// # Errors
/// When the tensor library fails, or it is no picture that is wanted with the channels last.
pub(in crate::graph) fn read_as<T: WithDType, R>(
    tensor: &Tensor,
    order: Order,
    use_it: impl FnOnce(&[T]) -> Result<R>,
) -> Result<R> {
    #[cfg(test)]
    if serve::is_idle() {
        bail!("a kernel in a run that goes without them");
    }
    let tensor = match order {
        _ if Order::of(tensor) == Some(order) => tensor.clone(),
        Order::First => row_major(tensor)?,
        Order::Last => channels_last(tensor)?,
    };
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { bail!("a tensor that is not on the CPU was given to a CPU kernel") };
    let start = layout.start_offset();
    use_it(&storage.as_slice::<T>()?[start..start + tensor.elem_count()])
}

/// A tensor of this shape on the CPU from its elements in this order.
///
/// # Errors
/// When there are not as many, or pictures with the channels last have no four dimensions.
pub(in crate::graph) fn of_order<T: WithDType>(values: Vec<T>, shape: &[usize], order: Order) -> Result<Tensor> {
    match (order, shape) {
        (Order::First, _) => tensor(values, shape),
        (Order::Last, &[batch, channels, rows, columns]) => {
            Tensor::from_vec(values, (batch, rows, columns, channels), &Device::Cpu)?.permute((0, 3, 1, 2))
        }
        (Order::Last, _) => bail!("{shape:?} is not the shape of pictures"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(shape: &[usize]) -> Tensor {
        let values = (0..shape.iter().product::<usize>()).map(|value| value as f32).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    fn all(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn pictures_lie_last_and_first_and_are_the_same() {
        for shape in [[2, 3, 4, 5], [1, 40, 7, 3], [3, 1, 4, 4], [2, 17, 1, 1], [1, 1, 1, 1]] {
            let plain = counted(&shape);
            let last = channels_last(&plain).unwrap();
            assert_eq!(all(&last), all(&plain), "{shape:?}");
            assert!(row_major(&last).unwrap().is_contiguous());
            assert_eq!(all(&row_major(&last).unwrap()), all(&plain), "{shape:?}");
            let turned = read_as(&last, Order::First, |values: &[f32]| Ok(values.to_vec())).unwrap();
            assert_eq!(turned, all(&plain), "{shape:?}");
        }
    }

    #[test]
    fn part_of_a_batch_is_read_where_it_lies() {
        let last = channels_last(&counted(&[3, 4, 2, 5])).unwrap().narrow(0, 1, 2).unwrap();
        assert!(is_last(&last));
        let expected = all(&counted(&[3, 4, 2, 5]).narrow(0, 1, 2).unwrap());
        assert_eq!(all(&row_major(&last).unwrap()), expected);
    }

    #[test]
    fn some_channels_have_gaps_and_are_read_all_the_same() {
        let last = channels_last(&counted(&[2, 6, 3, 3])).unwrap().narrow(1, 2, 3).unwrap();
        assert_eq!(Order::of(&last), None);
        let expected = all(&counted(&[2, 6, 3, 3]).narrow(1, 2, 3).unwrap());
        for order in [Order::First, Order::Last] {
            let values = read_as(&last, order, |values: &[f32]| Ok(values.to_vec())).unwrap();
            assert_eq!(all(&of_order(values, last.dims(), order).unwrap()), expected);
        }
    }
}
