//! Random numbers and smooth noise that are the same on every machine and in every version, since a phantom is
//! nothing but a function of its seed.

/// `SplitMix64` (Steele, Lea, Flood 2014): tiny, fast, and good enough for anatomy.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A stream of its own for each pair of seed and purpose.
    #[must_use]
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut random = Self(seed ^ purpose.wrapping_mul(0xd1b5_4a32_d192_ed03));
        random.bits();
        random
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Uniform in `0..1`.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 24) as f32
    }

    /// Uniform in `low..high`.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform in `0..count`; 0 where `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        ((self.bits() >> 32) as usize * count) >> 32
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// Standard normal (Box–Muller).
    pub fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f32::consts::TAU * self.unit()).cos()
    }

    /// Shuffles in place (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }
}

/// The finaliser of `SplitMix64`: spreads neighbouring numbers over all 64 bits.
#[must_use]
pub fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

const SIDE: usize = 32;
const MASK: i32 = SIDE as i32 - 1;

/// Smooth noise in three dimensions with mean 0 and values in −1..1, periodic with 32 cells.
#[derive(Debug, Clone)]
pub struct Noise {
    lattice: Vec<f32>,
}

impl Noise {
    /// One noise field for each seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, 0x4e_4f49_5345);
        Self { lattice: (0..SIDE * SIDE * SIDE).map(|_| random.range(-1.0, 1.0)).collect() }
    }

    /// The value at a point in units of lattice cells.
    #[must_use]
    pub fn at(&self, x: f32, y: f32, z: f32) -> f32 {
        let (i, j, k) = (floor(x), floor(y), floor(z));
        let (u, v, w) = (smooth(x - i as f32), smooth(y - j as f32), smooth(z - k as f32));
        let corner = |di: i32, dj: i32, dk: i32| {
            let (i, j, k) = ((i + di) & MASK, (j + dj) & MASK, (k + dk) & MASK);
            self.lattice[((k as usize * SIDE) + j as usize) * SIDE + i as usize]
        };
        let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
        let low = mix(mix(corner(0, 0, 0), corner(1, 0, 0), u), mix(corner(0, 1, 0), corner(1, 1, 0), u), v);
        let high = mix(mix(corner(0, 0, 1), corner(1, 0, 1), u), mix(corner(0, 1, 1), corner(1, 1, 1), u), v);
        mix(low, high, w)
    }

    /// Several octaves of [`Noise::at`], each twice as fine and half as strong.
    #[must_use]
    pub fn octaves(&self, x: f32, y: f32, z: f32, count: usize) -> f32 {
        let (mut sum, mut weight, mut scale) = (0.0, 1.0, 1.0);
        for octave in 0..count {
            let shift = octave as f32 * 7.31;
            sum += weight * self.at(x * scale + shift, y * scale + shift, z * scale - shift);
            weight *= 0.5;
            scale *= 2.0;
        }
        sum
    }
}

fn floor(x: f32) -> i32 {
    let truncated = x as i32;
    if (truncated as f32) > x { truncated - 1 } else { truncated }
}

fn smooth(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_a_function_of_seed_and_purpose() {
        let draw = |seed, purpose| {
            let mut random = Random::new(seed, purpose);
            [random.bits(), random.bits()]
        };
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }

    #[test]
    fn the_moments_are_right() {
        let mut random = Random::new(7, 7);
        let normal: Vec<f32> = (0..20_000).map(|_| random.normal()).collect();
        let mean = normal.iter().sum::<f32>() / 20_000.0;
        let variance = normal.iter().map(|x| x * x).sum::<f32>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
        assert!((0..1000).all(|_| random.below(3) < 3 && (0.0..1.0).contains(&random.unit())));
    }

    #[test]
    fn noise_is_continuous_across_cells_and_periods() {
        let noise = Noise::new(3);
        for x in [-33.0, -1.0, 0.0, 5.0, 31.0, 32.0] {
            let gap = noise.at(x - 1e-4, 0.3, 0.7) - noise.at(x + 1e-4, 0.3, 0.7);
            assert!(gap.abs() < 1e-2, "{gap} at {x}");
        }
        assert!((noise.at(0.25, 0.5, 0.5) - noise.at(32.25, 0.5, 0.5)).abs() < 1e-5);
    }
}
