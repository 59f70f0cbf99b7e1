//! Any dimensions of a tensor as the rows of a matrix, for what looks at all elements along them.

use candle_core::Tensor;

use super::super::op::Result;

/// A tensor's shape seen as `rows` that do not mix, each over all elements of some dimensions.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    /// The dimensions that stay apart, then those along a row.
    order: Vec<usize>,
    /// The lengths in that order.
    ordered: Vec<usize>,
    /// How many rows there are.
    pub count: usize,
    /// How many elements a row has.
    pub length: usize,
}

impl Rows {
    /// Rows along these dimensions of a shape, in row-major order.
    pub fn new(shape: &[usize], along: &[usize]) -> Self {
        let (inner, outer): (Vec<usize>, Vec<usize>) =
            (0..shape.len()).partition(|dimension| along.contains(dimension));
        let product = |dimensions: &[usize]| dimensions.iter().map(|&dimension| shape[dimension]).product();
        let (count, length) = (product(&outer), product(&inner));
        let order = [outer, inner].concat();
        let ordered = order.iter().map(|&dimension| shape[dimension]).collect();
        Self { order, ordered, count, length }
    }

    /// The tensor as a matrix `[rows, length]`.
    pub fn matrix(&self, tensor: &Tensor) -> Result<Tensor> {
        tensor.permute(self.order.as_slice())?.contiguous()?.reshape((self.count, self.length))
    }

    /// A matrix `[rows, length]` as a tensor of the shape that this was made for.
    pub fn tensor(&self, matrix: &Tensor) -> Result<Tensor> {
        let mut back = vec![0; self.order.len()];
        for (place, &dimension) in self.order.iter().enumerate() {
            back[dimension] = place;
        }
        matrix.reshape(self.ordered.as_slice())?.permute(back)?.contiguous()
    }
}

/// A shape without these dimensions, or with them at length 1.
pub(super) fn reduced(shape: &[usize], along: &[usize], keep: bool) -> Vec<usize> {
    let lengths = shape.iter().enumerate();
    lengths
        .filter_map(|(dimension, &length)| match along.contains(&dimension) {
            true if keep => Some(1),
            true => None,
            false => Some(length),
        })
        .collect()
}

/// Why these dimensions cannot be taken of a shape, if they cannot.
pub(super) fn check(shape: &[usize], along: &[usize]) -> Result<(), String> {
    for (place, dimension) in along.iter().enumerate() {
        if *dimension >= shape.len() {
            return Err(format!("it works along dimension {dimension}, which the input lacks"));
        }
        if along[..place].contains(dimension) {
            return Err(format!("it names dimension {dimension} twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;

    #[test]
    fn rows_go_there_and_back() {
        let tensor = Tensor::arange(0_f64, 24.0, &Device::Cpu).unwrap().reshape((2, 3, 4)).unwrap();
        for along in [&[][..], &[0], &[1], &[2, 0], &[0, 1, 2]] {
            let rows = Rows::new(&[2, 3, 4], along);
            let matrix = rows.matrix(&tensor).unwrap();
            assert_eq!(matrix.dims(), [rows.count, rows.length]);
            let back = rows.tensor(&matrix).unwrap();
            assert_eq!(back.to_vec3::<f64>().unwrap(), tensor.to_vec3::<f64>().unwrap());
        }
        let middle = Rows::new(&[2, 3, 4], &[1]).matrix(&tensor).unwrap();
        assert_eq!(middle.to_vec2::<f64>().unwrap()[1], [1.0, 5.0, 9.0]);
        assert_eq!(reduced(&[2, 3, 4], &[1], true), [2, 1, 4]);
        assert_eq!(reduced(&[2, 3, 4], &[0, 2], false), [3]);
        assert!(check(&[2, 3], &[2]).is_err() && check(&[2, 3], &[1, 1]).is_err() && check(&[2, 3], &[1, 0]).is_ok());
    }
}
