//! Standard normal numbers, many at a time, the same on every machine.
//!
//! Box and Muller's transform (1958) with polynomials in place of the platform's logarithm, sine and cosine: only
//! additions, multiplications and square roots, which IEEE 754 defines to the last bit, and no branches, so that the
//! compiler can work on several numbers at once. Radii have 24 random bits, so the largest number is 5.88.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Numbers made at a time.
pub const BLOCK: usize = 256;

/// Makes the next [`BLOCK`] numbers of a generator's stream.
pub fn block(random: &mut ChaCha8Rng, normals: &mut [f32; BLOCK]) {
    const HALF: usize = BLOCK / 2;
    let mut bits = [0_u32; BLOCK];
    random.fill_bytes(bytemuck::cast_slice_mut(&mut bits));
    let (radii, angles) = bits.split_at(HALF);
    let (cosines, sines) = normals.split_at_mut(HALF);
    for index in 0..HALF {
        let radius = (-2.0 * ln(u32::from_le(radii[index]))).sqrt();
        let (cosine, sine) = cos_sin(u32::from_le(angles[index]));
        cosines[index] = radius * cosine;
        sines[index] = radius * sine;
    }
}

/// The natural logarithm of a number that is uniform in (0, 1]: the middle of one of 2²⁴ cells, chosen by the upper
/// 24 bits.
#[inline]
fn ln(bits: u32) -> f32 {
    // Above one half rounding moves the middle of a cell to its border, at most to 1, whose logarithm is 0.
    let uniform = ((bits >> 8) as i32 as f32 + 0.5) * (1.0 / 16_777_216.0);
    // uniform = 2^exponent · mantissa with a mantissa in [√½, √2).
    let shifted = uniform.to_bits().wrapping_sub(0x3f35_04f3);
    let exponent = (shifted as i32) >> 23;
    let mantissa = f32::from_bits((shifted & 0x007f_ffff).wrapping_add(0x3f35_04f3));
    let x = mantissa - 1.0;
    // The polynomial of the Cephes library's logf.
    let mut p = 7.037_683_6e-2_f32;
    for c in [
        -1.151_461e-1_f32,
        1.167_699_9e-1,
        -1.242_014_1e-1,
        1.424_932_3e-1,
        -1.666_805_7e-1,
        2.000_071_5e-1,
        -2.499_999_4e-1,
        3.333_333e-1,
    ] {
        p = p * x + c;
    }
    let square = x * x;
    let exponent = exponent as f32;
    let near = x * square * p - 0.5 * square + exponent * -2.121_944_4e-4;
    x + near + exponent * 0.693_359_4
}

/// Cosine and sine of an angle that is uniform on the circle: a quadrant by the two upper bits, within it −π/4 to π/4
/// by the next 24.
#[inline]
fn cos_sin(bits: u32) -> (f32, f32) {
    let within = ((bits >> 6) & 0x00ff_ffff) as i32;
    let angle = ((within - 0x0080_0000) as f32 + 0.5) * (std::f32::consts::FRAC_PI_2 / 16_777_216.0);
    let square = angle * angle;
    // The polynomials of the Cephes library's sinf and cosf.
    let sine = ((-1.951_529_6e-4 * square + 8.332_161e-3) * square - 1.666_665_5e-1) * square * angle + angle;
    let cosine =
        ((2.443_315_7e-5 * square - 1.388_731_6e-3) * square + 4.166_664_6e-2) * square * square - 0.5 * square + 1.0;
    // Quarter turns: bit 30 swaps the two, bit 31 turns by half.
    let swap = 0_u32.wrapping_sub((bits >> 30) & 1);
    let (c, s) = (cosine.to_bits(), sine.to_bits());
    let half_turn = bits & 0x8000_0000;
    let turned_cosine = ((c & !swap) | (s & swap)) ^ half_turn ^ (swap & 0x8000_0000);
    let turned_sine = ((s & !swap) | (c & swap)) ^ half_turn;
    (f32::from_bits(turned_cosine), f32::from_bits(turned_sine))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn the_logarithm_is_that_of_the_library() {
        for bits in (0..=u32::MAX).step_by(65_537) {
            let uniform = (f64::from(bits >> 8) + 0.5) / 16_777_216.0;
            let error = (f64::from(ln(bits)) - uniform.ln()).abs();
            assert!(error < 2e-7 + 4e-7 * uniform.ln().abs(), "{bits}: {error}");
            assert!(ln(bits) <= 0.0, "{bits}");
        }
        assert!(ln(u32::MAX) <= 0.0 && ln(0).is_finite());
    }

    #[test]
    fn cosine_and_sine_are_those_of_the_library() {
        for bits in (0..=u32::MAX).step_by(65_537) {
            let part = (f64::from((bits >> 6) & 0x00ff_ffff) - 8_388_608.0 + 0.5) / 16_777_216.0;
            let angle = (f64::from(bits >> 30) + part) * std::f64::consts::FRAC_PI_2;
            let (cosine, sine) = cos_sin(bits);
            assert!((f64::from(cosine) - angle.cos()).abs() < 2e-7, "{bits}: {cosine} {}", angle.cos());
            assert!((f64::from(sine) - angle.sin()).abs() < 2e-7, "{bits}: {sine} {}", angle.sin());
        }
    }

    #[test]
    fn moments_and_tails_are_those_of_the_normal_distribution() {
        let mut random = ChaCha8Rng::from_seed([7; 32]);
        let mut numbers = Vec::new();
        let mut normals = [0.0; BLOCK];
        for _ in 0..4000 {
            block(&mut random, &mut normals);
            numbers.extend(normals.map(f64::from));
        }
        let n = numbers.len() as f64;
        let moment = |power: i32| numbers.iter().map(|x| x.powi(power)).sum::<f64>() / n;
        // Standard errors of the raw moments: √(E x^2p − (E x^p)²) / √n.
        for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
            let error: f64 = moment(power) - expected;
            assert!(error.abs() < 4.0 * (variance / n).sqrt(), "moment {power} is off by {error}");
        }
        for (bound, expected) in [(1.0, 0.317_310_5), (2.0, 0.045_500_3), (3.0, 0.002_699_8)] {
            let beyond = numbers.iter().filter(|x| x.abs() > bound).count() as f64 / n;
            let error = beyond - expected;
            assert!(error.abs() < 4.0 * (expected / n).sqrt(), "beyond {bound}: {beyond}");
        }
        let product: f64 = numbers.chunks_exact(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / (n / 2.0);
        assert!(product.abs() < 4.0 / (n / 2.0).sqrt(), "neighbours are correlated: {product}");
    }
}
