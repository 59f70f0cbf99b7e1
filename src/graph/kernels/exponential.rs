//! The exponential function and its like in single precision, written so that the compiler computes several at once.

/// `eˣ` within 2 units in the last place; 0 and ∞ are approached only as far as ±87 goes. NaN stays NaN.
#[inline]
pub(super) fn exp(x: f32) -> f32 {
    // ln 2 in two parts, the first with few digits, so that n times it is exact (Cody and Waite 1980).
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Adding this leaves the nearest integer in the last bits.
    const TO_INTEGER: f32 = 12_582_912.0;
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 87.0 { 87.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + TO_INTEGER;
    let n = shifted - TO_INTEGER;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    // The coefficients of Cephes' expf for |r| ≤ ln 2 / 2.
    let mut sum = 1.987_569_1e-4;
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        sum = sum * r + coefficient;
    }
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    (sum * r * r + r + 1.0) * power
}

/// `1 / (1 + e⁻ˣ)`.
#[inline]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_right_to_two_units_in_the_last_place() {
        let worst = |range: f64, function: fn(f32) -> f32, exact: fn(f64) -> f64| {
            (-100_000..=100_000)
                .map(|step| {
                    let x = (f64::from(step) * range / 1e5) as f32;
                    let expected = exact(f64::from(x));
                    ((f64::from(function(x)) - expected) / expected).abs()
                })
                .fold(0.0, f64::max)
        };
        assert!(worst(86.9, exp, f64::exp) < 1.7e-7, "{}", worst(86.9, exp, f64::exp));
        let exact = |x: f64| 1.0 / (1.0 + (-x).exp());
        assert!(worst(80.0, sigmoid, exact) < 2.5e-7, "{}", worst(80.0, sigmoid, exact));
        assert!(exp(f32::NAN).is_nan() && sigmoid(f32::NAN).is_nan());
        assert_eq!((exp(0.0), sigmoid(0.0), sigmoid(1e9)), (1.0, 0.5, 1.0));
        assert!(sigmoid(-1e9) < 1e-37);
    }
}
