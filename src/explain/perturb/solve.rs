//! Symmetric positive definite systems in `f64`.

use crate::graph::{Cancelled, Control};

/// The Cholesky factor `L` of `A = L Lᵀ`.
pub(in crate::explain) struct Factor {
    size: usize,
    /// Row-major; only the lower triangle means anything.
    lower: Vec<f64>,
}

impl Factor {
    /// Factors `matrix`, `size × size`, of which the lower triangle is read; `None` where it is not positive
    /// definite.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn of(mut matrix: Vec<f64>, size: usize, control: &Control) -> Result<Option<Self>, Cancelled> {
        for row in 0..size {
            control.check()?;
            let (above, own) = matrix.split_at_mut(row * size);
            for column in 0..row {
                let other = &above[column * size..][..size];
                own[column] = (own[column] - dot(&own[..column], &other[..column])) / other[column];
            }
            let pivot = own[row] - dot(&own[..row], &own[..row]);
            // What rounding leaves of 0 is no pivot; NaN is none either.
            if pivot.is_nan() || pivot <= own[row].abs() * 1e-13 {
                return Ok(None);
            }
            own[row] = pivot.sqrt();
        }
        Ok(Some(Self { size, lower: matrix }))
    }

    /// The `x` of `A x = right`.
    pub fn solve(&self, right: &[f64]) -> Vec<f64> {
        let size = self.size;
        let mut x = right.to_vec();
        for row in 0..size {
            let line = &self.lower[row * size..][..size];
            x[row] = (x[row] - dot(&line[..row], &x[..row])) / line[row];
        }
        for row in (0..size).rev() {
            let line = &self.lower[row * size..][..size];
            x[row] /= line[row];
            let own = x[row];
            for (value, entry) in x[..row].iter_mut().zip(line) {
                *value -= entry * own;
            }
        }
        x
    }
}

/// `Σ aᵢ bᵢ`, in four interleaved sums that the compiler can work on at once.
pub(in crate::explain) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0_f64; 4];
    let (heads, tails) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = heads.remainder().iter().zip(tails.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in heads.zip(tails) {
        for lane in 0..4 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved_and_a_singular_one_refused() {
        let control = Control::default();
        // A = B Bᵀ + I for a B without structure.
        let size = 9;
        let b: Vec<f64> = (0..size * size).map(|index| f64::from((index * index % 17) as u32) - 8.0).collect();
        let mut matrix = vec![0.0; size * size];
        for row in 0..size {
            for column in 0..size {
                let product = dot(&b[row * size..][..size], &b[column * size..][..size]);
                matrix[row * size + column] = product + f64::from(u8::from(row == column));
            }
        }
        let expected: Vec<f64> = (0..size).map(|index| index as f64 - 3.5).collect();
        let right: Vec<f64> = matrix.chunks_exact(size).map(|row| dot(row, &expected)).collect();
        let found = Factor::of(matrix, size, &control).unwrap().unwrap().solve(&right);
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-10, "{found} is not {expected}");
        }
        assert!(Factor::of(vec![1.0, 1.0, 1.0, 1.0], 2, &control).unwrap().is_none());
        assert!(Factor::of(vec![f64::NAN], 1, &control).unwrap().is_none());
        control.cancel();
        assert!(Factor::of(vec![1.0], 1, &control).is_err());
    }
}
