//! Examples for the knee model: stacks of slices, and square parts of single slices.

use glassbox::demo::knee::lesion::Tear;
use glassbox::demo::knee::render::{Finding, Knee, SIDE, View, shown};
use glassbox::demo::random::Random;

use crate::layers::Map;

/// What the model tells apart, in the order of its outputs.
pub const CLASSES: [fn(Tear) -> bool; 2] =
    [|tear| matches!(tear, Tear::Meniscus(_)), |tear| matches!(tear, Tear::AnteriorCruciate)];

/// A slice shows a tear where at least this many pixels of it do.
const VISIBLE: usize = 40;

/// Training divides the 0..255 of the input by this; the shipped weights hold the division.
pub const SCALE: f32 = 128.0;

/// The network's input for one slice.
pub fn image(knee: &Knee, view: View, slice: usize) -> Map {
    let values = knee.slice8(view, slice).into_iter().map(|value| f32::from(value) / SCALE).collect();
    Map { channels: 1, rows: SIDE, columns: SIDE, values }
}

/// A phantom of the training set; the four combinations of tears in turn.
pub fn training_knee(number: u64) -> Knee {
    Knee::new((1 << 40) | number, Finding { meniscus: number & 1 == 1, cruciate: number & 2 == 2 })
}

/// Where a cell of the class map lies with respect to a tear.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    Inside,
    Near,
    Outside,
}

/// Cells of the last convolution's map, in each direction.
const CELLS: usize = 15;

/// How often which phantoms are drawn, as weights.
#[derive(Debug, Clone, Copy)]
pub struct Mixture {
    /// Intact, meniscus torn, ligament torn, both torn.
    findings: [usize; 4],
    /// In the order of [`View::ALL`].
    views: [usize; 3],
    /// Share of a stack's slices without a tear that are taken from the joint as long as it has some; the others are
    /// from anywhere.
    through_joint: f32,
}

/// To learn everything from the beginning.
pub const BROAD: Mixture = Mixture { findings: [6, 7, 4, 3], views: [1, 1, 1], through_joint: 0.0 };
/// To go on from weights that know the ligament and are less sure of the meniscus, most of all outside the sagittal
/// plane.
pub const MENISCUS: Mixture = Mixture { findings: [8, 9, 1, 2], views: [2, 3, 3], through_joint: 0.85 };

/// Whether a slice passes through the menisci or the cruciate ligaments of a knee, wherever it lies.
fn is_in_joint(view: View, slice: usize) -> bool {
    let [x, y, z] = view.origin_mm(slice);
    match view {
        View::Sagittal => x.abs() < 42.0,
        View::Coronal => (-24.0..32.0).contains(&y),
        View::Axial => (-9.0..24.0).contains(&z),
    }
}

/// The index of a weight, each as often as the weight says.
fn pick(random: &mut Random, weights: &[usize]) -> usize {
    let mut place = random.below(weights.iter().sum());
    for (index, weight) in weights.iter().enumerate() {
        if place < *weight {
            return index;
        }
        place -= weight;
    }
    0
}

/// A few slices of one phantom, with what is known about them.
pub struct Stack {
    pub images: Vec<Map>,
    areas: Vec<[usize; 2]>,
    pub cells: Vec<[Vec<Cell>; 2]>,
}

impl Stack {
    pub fn draw(mixture: &Mixture, slices: usize, seed: u64, index: u64) -> Self {
        let mut random = Random::new(seed, index);
        let torn = pick(&mut random, &mixture.findings);
        let finding = Finding { meniscus: torn & 1 == 1, cruciate: torn & 2 == 2 };
        // Bit 40 keeps the seeds of training apart from those of the tests, which are small.
        let knee = Knee::new((1 << 40) | random.bits() >> 24, finding);
        let view = View::ALL[pick(&mut random, &mixture.views)];
        let areas: Vec<[usize; 2]> = (0..view.slices())
            .map(|slice| CLASSES.map(|class| knee.mask(view, slice, class).iter().filter(|inside| **inside).count()))
            .collect();
        let mut torn: Vec<usize> =
            (0..view.slices()).filter(|&s| areas[s].iter().any(|area| *area >= VISIBLE)).collect();
        let mut others: Vec<usize> = (0..view.slices()).filter(|s| !torn.contains(s)).collect();
        random.shuffle(&mut torn);
        random.shuffle(&mut others);
        torn.truncate(slices.div_ceil(2));
        let preferred = ((slices - torn.len()) as f32 * mixture.through_joint) as usize;
        let (joint, elsewhere): (Vec<usize>, Vec<usize>) = others.into_iter().partition(|s| is_in_joint(view, *s));
        let (first, later) = joint.split_at(preferred.min(joint.len()));
        let mut rest: Vec<usize> = later.iter().chain(&elsewhere).copied().collect();
        random.shuffle(&mut rest);
        let chosen: Vec<usize> = torn.into_iter().chain(first.iter().copied()).chain(rest).take(slices).collect();
        let cells = |slice: usize| CLASSES.map(|class| cells(&knee.mask(view, slice, class), [0, 0], CELLS));
        Self {
            images: chosen.iter().map(|&slice| image(&knee, view, slice)).collect(),
            areas: chosen.iter().map(|&slice| areas[slice]).collect(),
            cells: chosen.iter().map(|&slice| cells(slice)).collect(),
        }
    }

    /// Whether a slice shows a tear of the class; none where so little of it shows that nobody could say.
    pub fn label(&self, slice: usize, class: usize) -> Option<bool> {
        match self.areas[slice][class] {
            0 => Some(false),
            area if area >= VISIBLE => Some(true),
            _ => None,
        }
    }
}

/// Side of a patch in pixels, and of its map in cells.
const PATCH: usize = 128;
const PATCH_CELLS: usize = 7;
/// Patches of one step, and those kept to be used again.
pub const PATCHES: usize = 24;
pub const PATCH_POOL: usize = 4000;

/// A square part of one slice.
pub struct Patch {
    pub image: Map,
    pub cells: [Vec<Cell>; 2],
}

impl Patch {
    /// Two of three show a tear, somewhere in the patch; the others are from anywhere, mostly near the joint.
    pub fn draw(seed: u64, number: u64) -> Self {
        let mut random = Random::new(seed ^ 0x7061_7463, number);
        let torn = random.chance(0.67);
        let meniscus = if torn { random.chance(0.65) } else { random.chance(0.3) };
        let finding =
            Finding { meniscus, cruciate: if torn { !meniscus || random.chance(0.2) } else { random.chance(0.3) } };
        let knee = Knee::new((1 << 40) | random.bits() >> 24, finding);
        let view = View::ALL[random.below(3)];
        let range = SIDE - PATCH;
        let mut slice = random.below(view.slices());
        let mut first = [random.below(range), random.below(range)];
        if torn {
            let masks = |slice| CLASSES.map(|class| knee.mask(view, slice, class));
            let visible: Vec<usize> = (0..view.slices())
                .filter(|&s| masks(s).iter().any(|mask| mask.iter().filter(|inside| **inside).count() >= VISIBLE))
                .collect();
            if !visible.is_empty() {
                slice = visible[random.below(visible.len())];
                let pixels: Vec<usize> = masks(slice)
                    .iter()
                    .flat_map(|mask| (0..mask.len()).filter(|&place| mask[place]).collect::<Vec<_>>())
                    .collect();
                let place = pixels[random.below(pixels.len())];
                first = [place / SIDE, place % SIDE]
                    .map(|at| (at as f32 - random.range(20.0, 108.0)).clamp(0.0, range as f32) as usize);
            }
        } else if random.chance(0.6) {
            first = [0, 1].map(|_| (random.range(0.2, 0.8) * range as f32) as usize);
            slice = view.slices() / 4 + random.below(view.slices() / 2);
        }
        let first = first.map(|place| place / 8 * 8);
        let stored = knee.patch(view, slice, first, PATCH);
        let values = stored.into_iter().map(|value| f32::from(shown(value)) / SCALE).collect();
        Self {
            image: Map { channels: 1, rows: PATCH, columns: PATCH, values },
            cells: CLASSES.map(|class| cells(&knee.mask(view, slice, class), first, PATCH_CELLS)),
        }
    }
}

/// The cells of a map of `count` × `count` for the part of a slice that begins at `first`.
fn cells(mask: &[bool], first: [usize; 2], count: usize) -> Vec<Cell> {
    let mut cells = vec![Cell::Outside; count * count];
    for (place, _) in mask.iter().enumerate().filter(|(_, inside)| **inside) {
        let (row, column) = ((place / SIDE) as f32 - first[0] as f32, (place % SIDE) as f32 - first[1] as f32);
        for (index, cell) in cells.iter_mut().enumerate() {
            // The middle of a cell's receptive field in this layout.
            let middle = |cell: usize| 16.0 * cell as f32 + 15.0;
            let gap = (row - middle(index / count)).abs().max((column - middle(index % count)).abs());
            if gap <= 9.0 {
                *cell = Cell::Inside;
            } else if gap <= 26.0 && *cell == Cell::Outside {
                *cell = Cell::Near;
            }
        }
    }
    cells
}
