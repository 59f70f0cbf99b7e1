//! Leading eigenvectors of symmetric matrices without negative eigenvalues, in double precision.

use candle_core::{Device, Tensor};

use super::ExplainError;
use crate::graph::{Control, GraphError};

/// Squarings of a matrix after which even neighbouring eigenvalues have parted (2⁴⁰ multiplications).
const SQUARINGS: usize = 40;

/// What is left of the eigenvalues' sum counts as nothing below this part of it: rounding.
const NOTHING: f64 = 1e-13;

/// The `count` eigenvectors of length 1 with the largest eigenvalues, and those, the largest first. What has the
/// eigenvalue 0 gets a vector of zeros. The sign of a vector is arbitrary.
pub(crate) fn leading_few(
    matrix: &Tensor,
    count: usize,
    control: &Control,
) -> Result<Vec<(Vec<f64>, f64)>, ExplainError> {
    let size = matrix.dim(0)?;
    let total = trace(matrix)?;
    let mut rest = matrix.clone();
    let mut found: Vec<(Vec<f64>, f64)> = Vec::with_capacity(count);
    for index in 0..count {
        if index >= size || trace(&rest)? <= NOTHING * total {
            found.push((vec![0.0; size], 0.0));
            continue;
        }
        let (vector, value) = leading(&rest, control)?;
        // Without what has been found the next one leads.
        let column = Tensor::from_slice(&vector, (size, 1), &Device::Cpu)?;
        rest = (rest - (column.matmul(&column.t()?)? * value)?)?;
        found.push((vector, value));
    }
    Ok(found)
}

/// The eigenvector of length 1 with the largest eigenvalue, and that, of a symmetric matrix without negative ones.
///
/// Powers of the matrix, each the square of the last, come to consist of copies of that eigenvector.
pub(super) fn leading(matrix: &Tensor, control: &Control) -> Result<(Vec<f64>, f64), ExplainError> {
    let size = matrix.dim(0)?;
    let mut power = matrix.clone();
    for _ in 0..SQUARINGS {
        control.check().map_err(GraphError::from)?;
        let trace = trace(&power)?;
        if trace <= 0.0 {
            return Ok((vec![0.0; size], 0.0));
        }
        power = (power / trace)?;
        // The sum of the squares of the eigenvalues, which themselves sum to 1.
        let squares = power.sqr()?.sum_all()?.to_scalar::<f64>()?;
        if 1.0 - squares < 1e-15 {
            break;
        }
        power = power.matmul(&power)?;
    }
    let diagonal: Vec<f64> = power.to_vec2::<f64>()?.iter().enumerate().map(|(index, row)| row[index]).collect();
    let longest = (1..size).fold(0, |best, index| if diagonal[index] > diagonal[best] { index } else { best });
    let column = power.narrow(1, longest, 1)?;
    let column = column.broadcast_div(&column.sqr()?.sum_all()?.sqrt()?)?;
    let value = column.t()?.matmul(matrix)?.matmul(&column)?.flatten_all()?.to_vec1::<f64>()?;
    Ok((column.flatten_all()?.to_vec1::<f64>()?, value.first().copied().unwrap_or(0.0).max(0.0)))
}

/// The sum of the diagonal.
fn trace(matrix: &Tensor) -> Result<f64, ExplainError> {
    Ok(matrix.to_vec2::<f64>()?.iter().enumerate().map(|(index, row)| row[index]).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leading_eigenvector_is_found() {
        // Eigenvalues 3 along (1, 1) and 1 along (1, −1).
        let matrix = Tensor::from_vec(vec![2.0_f64, 1.0, 1.0, 2.0], (2, 2), &Device::Cpu).unwrap();
        let (vector, value) = leading(&matrix, &Control::default()).unwrap();
        assert!((value - 3.0).abs() < 1e-12 && (vector[0] - vector[1]).abs() < 1e-12, "{vector:?}");
        let nothing = Tensor::zeros((3, 3), candle_core::DType::F64, &Device::Cpu).unwrap();
        assert_eq!(leading(&nothing, &Control::default()).unwrap(), (vec![0.0; 3], 0.0));
    }

    #[test]
    fn the_next_ones_follow_and_nothing_is_made_of_rounding() {
        let matrix = Tensor::from_vec(vec![2.0_f64, 1.0, 1.0, 2.0], (2, 2), &Device::Cpu).unwrap();
        let found = leading_few(&matrix, 3, &Control::default()).unwrap();
        assert!((found[1].1 - 1.0).abs() < 1e-12 && (found[1].0[0] + found[1].0[1]).abs() < 1e-12, "{found:?}");
        assert_eq!(found[2], (vec![0.0; 2], 0.0));
        // Two equal eigenvalues: any two vectors at right angles will do.
        let both = Tensor::from_vec(vec![4.0_f64, 0.0, 0.0, 4.0], (2, 2), &Device::Cpu).unwrap();
        let found = leading_few(&both, 2, &Control::default()).unwrap();
        let product = found[0].0[0] * found[1].0[0] + found[0].0[1] * found[1].0[1];
        assert!(product.abs() < 1e-12 && (found[1].1 - 4.0).abs() < 1e-12, "{found:?}");
        let alone = Tensor::from_vec(vec![1.0_f64, 1.0, 1.0, 1.0], (2, 2), &Device::Cpu).unwrap();
        assert_eq!(leading_few(&alone, 2, &Control::default()).unwrap()[1], (vec![0.0; 2], 0.0));
        let control = Control::default();
        control.cancel();
        assert!(leading_few(&matrix, 1, &control).is_err());
    }
}
