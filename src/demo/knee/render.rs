//! From anatomy to slices: the three planes, their positions in the patient, coil shading and noise.

use std::sync::OnceLock;

use super::anatomy::Anatomy;
use super::lesion::{Lesion, Side, Tear};
use super::shape::{Point, dot, length, sub};
use crate::demo::random::{Random, mix};

/// Rows and columns of a slice.
pub const SIDE: usize = 256;
/// Distance of pixel centres, in both directions.
pub const PIXEL_MM: f64 = 0.6;
/// Distance between slices.
pub const SLICE_MM: f64 = 3.6;
/// Highest value that a slice can hold (12 bit).
pub const TOP: u16 = 4095;
/// The window that a slice is meant to be seen with: centre, width.
pub const WINDOW: [f64; 2] = [480.0, 960.0];

/// What is near is looked up once for each block of pixels of this side.
const BLOCK: usize = 8;

/// One of the three stacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum View {
    /// Seen from the left.
    Sagittal,
    /// Seen from the front.
    Coronal,
    /// Seen from the feet.
    Axial,
}

impl View {
    /// All three, in the order in which they are listed.
    pub const ALL: [Self; 3] = [Self::Sagittal, Self::Coronal, Self::Axial];

    /// The name in lower case, as in paths.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sagittal => "sagittal",
            Self::Coronal => "coronal",
            Self::Axial => "axial",
        }
    }

    /// Number of slices.
    #[must_use]
    pub fn slices(self) -> usize {
        match self {
            Self::Sagittal => 26,
            Self::Coronal => 28,
            Self::Axial => 30,
        }
    }

    /// Directions of increasing column and increasing row in the patient (LPS).
    #[must_use]
    pub fn orientation(self) -> [[f64; 3]; 2] {
        match self {
            Self::Sagittal => [[0.0, 1.0, 0.0], [0.0, 0.0, -1.0]],
            Self::Coronal => [[1.0, 0.0, 0.0], [0.0, 0.0, -1.0]],
            Self::Axial => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
        }
    }

    /// Centre of the first pixel of a slice in the patient (LPS, mm).
    #[must_use]
    pub fn origin_mm(self, slice: usize) -> [f64; 3] {
        let half = (SIDE as f64 - 1.0) / 2.0 * PIXEL_MM;
        let along = (slice as f64 - (self.slices() as f64 - 1.0) / 2.0) * SLICE_MM;
        match self {
            Self::Sagittal => [along, -half, 10.0 + half],
            Self::Coronal => [-half, along - 2.0, 10.0 + half],
            Self::Axial => [-half, -half, along + 14.0],
        }
    }
}

/// Which tears a case has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Finding {
    /// A tear of one meniscus.
    pub meniscus: bool,
    /// A tear of the anterior cruciate ligament.
    pub cruciate: bool,
}

/// One synthetic patient's knee.
#[derive(Debug, Clone)]
pub struct Knee {
    /// What makes this case: the same seed and finding give the same bytes.
    pub seed: u64,
    /// What is torn.
    pub finding: Finding,
    /// Whether it is a right knee.
    pub right: bool,
    anatomy: Anatomy,
    /// Rows of the matrix that turns the patient's axes into the knee's.
    turned: [[f32; 3]; 3],
    shift: Point,
    coil: Point,
    noise: f32,
}

impl Knee {
    /// The case of a seed, with the tears asked for.
    #[must_use]
    pub fn new(seed: u64, finding: Finding) -> Self {
        let mut random = Random::new(seed, 0x6b6e_6565);
        let mut anatomy = Anatomy::new(seed);
        if finding.meniscus {
            let side = if random.chance(0.6) { Side::Medial } else { Side::Lateral };
            anatomy.lesions.push(Lesion::meniscal(side, &mut random));
        }
        if finding.cruciate {
            let lesion = Lesion::cruciate(&anatomy, &mut random);
            anatomy.lesions.push(lesion);
        }
        let mut random = Random::new(seed, 0x706f_7365);
        let right = random.chance(0.5);
        let size = random.range(0.96, 1.05);
        let angles = [random.range(-0.07, 0.07), random.range(-0.05, 0.05), random.range(-0.08, 0.08)];
        let mut rows = rotation(angles);
        // The inner side of a right knee points to the patient's left (+x).
        let side = if right { 1.0 } else { -1.0 };
        for row in &mut rows {
            *row = row.map(|entry| entry / size);
        }
        rows[0] = rows[0].map(|entry| entry * side);
        Self {
            seed,
            finding,
            right,
            anatomy,
            turned: rows,
            shift: [random.range(-3.0, 3.0), random.range(-4.0, 4.0), random.range(-4.0, 4.0)],
            coil: [random.range(-30.0, 30.0), random.range(-60.0, -20.0), random.range(-20.0, 40.0)],
            noise: random.range(12.0, 22.0),
        }
    }

    /// One slice, row-major, as an MR scanner would store it.
    #[must_use]
    pub fn slice(&self, view: View, index: usize) -> Vec<u16> {
        self.patch(view, index, [0, 0], SIDE)
    }

    /// A square part of a slice, with noise of its own. The first row and column are rounded down to multiples of 8,
    /// the side up; the square must lie within the slice.
    #[must_use]
    pub fn patch(&self, view: View, index: usize, first: [usize; 2], side: usize) -> Vec<u16> {
        let first = first.map(|place| place / BLOCK * BLOCK);
        let side = side.next_multiple_of(BLOCK);
        let gaussians = gaussians();
        let stream = (u64::from(view as u32) << 32) | index as u64;
        let mut state = mix(self.seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut grid = self.grid(view, index);
        grid.origin = grid.at(first[0], first[1]);
        let mut values = Vec::with_capacity(side * side);
        for (row, line) in self.signals(&grid, side).chunks_exact(side).enumerate() {
            state = mix(state.wrapping_add(0x9e37_79b9_7f4a_7c15));
            let start = state as usize;
            for (column, signal) in line.iter().enumerate() {
                let signal = signal * self.shading(grid.at(row, column));
                let real = signal + self.noise * gaussians[(start + column * 2) % gaussians.len()];
                let imaginary = self.noise * gaussians[(start + column * 2 + 1) % gaussians.len()];
                values.push(((real * real + imaginary * imaginary).sqrt() as u16).min(TOP));
            }
        }
        values
    }

    /// The signal of each pixel without shading and noise. Where neither bone nor joint nor skin is near, every
    /// second pixel is computed and the others lie between them.
    fn signals(&self, grid: &Grid, side: usize) -> Vec<f32> {
        let mut signals = vec![0.0; side * side];
        let blocks = side / BLOCK;
        let mut coarse = vec![false; blocks * blocks];
        for (block, coarse) in coarse.iter_mut().enumerate() {
            let (top, left) = (block / blocks * BLOCK, block % blocks * BLOCK);
            let radius = 0.75 * BLOCK as f32 * PIXEL_MM as f32;
            let near = self.anatomy.near(grid.at(top + BLOCK / 2, left + BLOCK / 2), radius);
            *coarse = near.is_plain();
            let step = if *coarse { 2 } else { 1 };
            for row in (top..top + BLOCK).step_by(step) {
                for column in (left..left + BLOCK).step_by(step) {
                    signals[row * side + column] = self.anatomy.signal(grid.at(row, column), &near);
                }
            }
        }
        let is_coarse = |row: usize, column: usize| coarse[row / BLOCK * blocks + column / BLOCK];
        for row in (0..side).step_by(2) {
            for column in (1..side).step_by(2).filter(|&column| is_coarse(row, column)) {
                let next = (column + 1).min(side - 2);
                signals[row * side + column] = 0.5 * (signals[row * side + column - 1] + signals[row * side + next]);
            }
        }
        for row in (1..side).step_by(2) {
            for column in (0..side).filter(|&column| is_coarse(row, column)) {
                let next = (row + 1).min(side - 2);
                signals[row * side + column] =
                    0.5 * (signals[(row - 1) * side + column] + signals[next * side + column]);
            }
        }
        signals
    }

    /// A slice as 8 bit through [`WINDOW`], as MRNet's stacks hold them.
    #[must_use]
    pub fn slice8(&self, view: View, index: usize) -> Vec<u8> {
        self.slice(view, index).into_iter().map(shown).collect()
    }

    /// Where a tear shows in a slice; no pixel in an intact knee.
    #[must_use]
    pub fn mask(&self, view: View, index: usize, tear: fn(Tear) -> bool) -> Vec<bool> {
        let mut mask = vec![false; SIDE * SIDE];
        let grid = self.grid(view, index);
        for lesion in self.anatomy.lesions.iter().filter(|lesion| tear(lesion.tear)) {
            if grid.gap(lesion.centre) > lesion.radius {
                continue;
            }
            for row in 0..SIDE {
                for column in 0..SIDE {
                    let p = grid.at(row, column);
                    if length(sub(p, lesion.centre)) <= lesion.radius {
                        mask[row * SIDE + column] |= lesion.contains(&self.anatomy, p);
                    }
                }
            }
        }
        mask
    }

    /// The points of a slice in the knee's own axes.
    fn grid(&self, view: View, slice: usize) -> Grid {
        let turn = |v: [f64; 3]| {
            let v = v.map(|entry| entry as f32);
            self.turned.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
        };
        let [across, down] = view.orientation();
        let origin = view.origin_mm(slice);
        let shift = self.shift.map(f64::from);
        Grid {
            origin: turn(std::array::from_fn(|axis| origin[axis] - shift[axis])),
            across: turn(across.map(|entry| entry * PIXEL_MM)),
            down: turn(down.map(|entry| entry * PIXEL_MM)),
        }
    }

    /// The receive coil's sensitivity: strongest towards the coil, falling off smoothly.
    fn shading(&self, p: Point) -> f32 {
        let q = sub(p, self.coil);
        1.12 - 0.000_022 * (q[0] * q[0] + q[1] * q[1] + q[2] * q[2])
    }
}

/// A stored value through [`WINDOW`] (linear, PS3.3 C.11.2.1.2.1), in 8 bits.
#[must_use]
pub fn shown(value: u16) -> u8 {
    let [centre, width] = WINDOW;
    let share = (f64::from(value) - (centre - 0.5)) / (width - 1.0) + 0.5;
    (share * 255.0).clamp(0.0, 255.0).round() as u8
}

/// Where the pixels of a slice are.
struct Grid {
    origin: Point,
    across: Point,
    down: Point,
}

impl Grid {
    /// Distance of a point from the plane of the slice, in the knee's own millimetres.
    fn gap(&self, p: Point) -> f32 {
        let ([a, b, c], [d, e, f]) = (self.across, self.down);
        let normal = [b * f - c * e, c * d - a * f, a * e - b * d];
        (dot(sub(p, self.origin), normal) / length(normal)).abs()
    }

    fn at(&self, row: usize, column: usize) -> Point {
        let (row, column) = (row as f32, column as f32);
        std::array::from_fn(|axis| self.origin[axis] + self.across[axis] * column + self.down[axis] * row)
    }
}

fn rotation([a, b, c]: [f32; 3]) -> [[f32; 3]; 3] {
    let ((sa, ca), (sb, cb), (sc, cc)) = (a.sin_cos(), b.sin_cos(), c.sin_cos());
    [
        [cb * cc, -cb * sc, sb],
        [sa * sb * cc + ca * sc, -sa * sb * sc + ca * cc, -sa * cb],
        [-ca * sb * cc + sa * sc, ca * sb * sc + sa * cc, ca * cb],
    ]
}

/// Normal deviates, drawn once: drawing them anew for each pixel would cost more than the anatomy does.
fn gaussians() -> &'static [f32] {
    static TABLE: OnceLock<Vec<f32>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut random = Random::new(1, 0x6761_7573);
        (0..1 << 16).map(|_| random.normal()).collect()
    })
}
