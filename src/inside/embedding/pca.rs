//! Principal components.

use candle_core::{Device, Tensor};

use super::{InsideError, Plane, check};
use crate::{
    explain::{ExplainError, eigen::leading_few},
    graph::{Control, GraphError},
};

/// The scores of codes on their first two principal components, each code centred on the mean of all.
///
/// Exact, by the eigenvectors of the smaller of the two products of the centred codes with themselves, in double
/// precision. A component has no sign of its own: here the feature with the largest loading has a positive one, the
/// first of equal ones (scikit-learn's `svd_flip` by loadings). Without variance all points are (0, 0), and the shares
/// are 0.
///
/// # Errors
/// [`InsideError::CodeLength`], [`InsideError::CodeNotFinite`], [`InsideError::Cancelled`], or when the tensor library
/// fails.
pub fn pca(codes: &[Vec<f32>], control: &Control) -> Result<Plane, InsideError> {
    check(codes)?;
    let (count, length) = (codes.len(), codes.first().map_or(0, Vec::len));
    if count == 0 || length == 0 {
        return Ok(Plane { points: vec![[0.0; 2]; count], explained: Some([0.0; 2]) });
    }
    let centred = Tensor::from_vec(centred(codes, length), (count, length), &Device::Cpu)?;
    let total = centred.sqr()?.sum_all()?.to_scalar::<f64>()?;
    let by_codes = count <= length;
    let product =
        if by_codes { centred.matmul(&centred.t()?)? } else { centred.t()?.contiguous()?.matmul(&centred)? };
    let mut points = vec![[0.0_f32; 2]; count];
    let mut explained = [0.0_f32; 2];
    for (axis, (vector, value)) in leading_few(&product, 2, control).map_err(failure)?.into_iter().enumerate() {
        if value <= 0.0 {
            continue;
        }
        let size = vector.len();
        let column = Tensor::from_vec(vector, (size, 1), &Device::Cpu)?;
        // Of the pair of singular vectors one is at hand and gives the other.
        let (scores, loadings) = if by_codes {
            let scores = (&column * value.sqrt())?;
            let loadings = (centred.t()?.contiguous()?.matmul(&column)? / value.sqrt())?;
            (scores, loadings)
        } else {
            (centred.matmul(&column)?, column)
        };
        let scores = scores.flatten_all()?.to_vec1::<f64>()?;
        let loadings = loadings.flatten_all()?.to_vec1::<f64>()?;
        let largest =
            loadings.iter().fold(0.0_f64, |best, &loading| if loading.abs() > best.abs() { loading } else { best });
        for (point, score) in points.iter_mut().zip(scores) {
            point[axis] = (score * largest.signum()) as f32;
        }
        explained[axis] = (value / total) as f32;
    }
    Ok(Plane { points, explained: Some(explained) })
}

/// All codes less their mean, one after the other.
fn centred(codes: &[Vec<f32>], length: usize) -> Vec<f64> {
    let mut mean = vec![0.0_f64; length];
    for code in codes {
        mean.iter_mut().zip(code).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    for sum in &mut mean {
        *sum /= codes.len() as f64;
    }
    codes.iter().flat_map(|code| code.iter().zip(&mean).map(|(&value, mean)| f64::from(value) - mean)).collect()
}

fn failure(error: ExplainError) -> InsideError {
    match error {
        ExplainError::Graph(GraphError::Cancelled(cancelled)) => cancelled.into(),
        ExplainError::Graph(other) => InsideError::Graph(other),
        ExplainError::Tensor(error) => InsideError::Tensor(error),
        other => InsideError::Tensor(candle_core::Error::Msg(other.to_string())),
    }
}
