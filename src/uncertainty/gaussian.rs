//! The standard normal distribution in `f64`: its distribution function and the inverse.

/// `Φ(x)`, by Marsaglia's series (2004), to 1e-14.
pub(super) fn cdf(x: f64) -> f64 {
    /// Beyond, the tail is below 1e-15.
    const END: f64 = 8.0;
    if x >= END {
        return 1.0;
    }
    if x <= -END {
        return 0.0;
    }
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        odd += 2.0;
        term *= x * x / odd;
        sum += term;
    }
    (0.5 + sum * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()).clamp(0.0, 1.0)
}

/// `Φ⁻¹(p)` for `0 < p < 1`, by Acklam's rational approximation (2003) with a step of Newton's where it helps; the ends
/// give the infinities.
pub(super) fn quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] =
        [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416, 1.0];
    let polynomial = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        polynomial(&C, q) / polynomial(&D, q)
    };
    let x = if p < 0.024_25 {
        tail(p)
    } else if p > 1.0 - 0.024_25 {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        q * polynomial(&A, q * q) / polynomial(&B, q * q)
    };
    // Far out the distribution function has no digits left to correct by.
    if x.abs() > 5.0 {
        return x;
    }
    x - (cdf(x) - p) * (0.5 * x * x).exp() * (2.0 * std::f64::consts::PI).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_function_is_scipys() {
        for (x, expected) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_542_9),
            (-1.959_963_984_540_054, 0.025),
            (3.0, 0.998_650_101_968_369_9),
            (-6.0, 9.865_876_45e-10),
            (9.0, 1.0),
        ] {
            assert!((cdf(x) - expected).abs() < 1e-14, "{x}: {}", cdf(x));
        }
    }

    #[test]
    fn the_quantile_is_the_inverse() {
        for p in [1e-6, 1e-3, 0.02, 0.05, 0.25, 0.5, 0.6, 0.95, 0.999] {
            assert!((cdf(quantile(p)) - p).abs() < 1e-12, "{p}");
        }
        assert!((quantile(0.95) - 1.644_853_626_951_472_2).abs() < 1e-12);
        assert!((quantile(1e-12) + 7.034_483_825_3).abs() < 1e-6);
        assert_eq!((quantile(0.0), quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
    }
}
