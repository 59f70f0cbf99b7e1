//! Synthetic dermoscopic photographs: skin, one lesion, and what lies about it (hairs, ruler, gel, ink).

mod artefact;
mod pattern;

use self::artefact::Layer;
use self::pattern::{Palette, Pattern};
use super::random::{Noise, Random};

/// Rows of a photograph.
pub const ROWS: usize = 225;
/// Columns of a photograph.
pub const COLUMNS: usize = 300;

/// The kinds of lesion, in the order of the demo models' classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Round, brown, with a regular network.
    Naevus = 0,
    /// Irregular in outline and colour, with a blue-white veil and scattered dots.
    Melanoma = 1,
    /// Waxy with a sharp edge, milia and comedo-like openings.
    Keratosis = 2,
    /// Red and purple lagoons with pale septa between.
    Vascular = 3,
}

impl Kind {
    /// All kinds in class order.
    pub const ALL: [Self; 4] = [Self::Naevus, Self::Melanoma, Self::Keratosis, Self::Vascular];

    /// The class name as the model cards have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Naevus => "naevus-like",
            Self::Melanoma => "melanoma-like",
            Self::Keratosis => "keratosis-like",
            Self::Vascular => "vascular-like",
        }
    }
}

/// What a photograph shows; the same values give the same pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Case {
    /// Shape, skin, light and all else that chance decides.
    pub seed: u64,
    /// What the lesion is.
    pub kind: Kind,
    /// A second kind and its share (0..1): a lesion between two kinds, of which nobody can be sure.
    pub mixed: Option<(Kind, f32)>,
    /// Whether a blob of blue surgical ink lies beside the lesion.
    pub marker: bool,
}

/// A photograph and what is known about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Photograph {
    /// Row-major interleaved RGB.
    pub pixels: Vec<u8>,
    /// Pixels of the lesion.
    pub lesion: Vec<bool>,
    /// Pixels of the ink.
    pub marker: Vec<bool>,
}

/// The outline of a lesion: a circle with waves, stretched and turned.
struct Outline {
    centre: [f32; 2],
    radius: f32,
    stretch: f32,
    turn: f32,
    waves: [(f32, f32); 6],
    ragged: f32,
}

impl Outline {
    fn new(kind: Kind, random: &mut Random) -> Self {
        let (wave, stretch, ragged) = match kind {
            Kind::Naevus => (0.03, 1.15, 1.0),
            Kind::Melanoma => (0.13, 1.45, 5.0),
            Kind::Keratosis => (0.06, 1.3, 2.0),
            Kind::Vascular => (0.06, 1.2, 2.5),
        };
        Self {
            centre: [random.range(0.4, 0.6) * COLUMNS as f32, random.range(0.42, 0.58) * ROWS as f32],
            radius: random.range(36.0, 62.0),
            stretch: random.range(1.0, stretch).sqrt(),
            turn: random.range(0.0, std::f32::consts::TAU),
            waves: std::array::from_fn(|order| {
                (wave * random.range(0.3, 1.0) / (1.0 + 0.4 * order as f32), random.range(0.0, std::f32::consts::TAU))
            }),
            ragged,
        }
    }

    /// Distance from the outline in pixels, negative inside, and position in units of the radius.
    fn distance(&self, x: f32, y: f32, noise: &Noise) -> (f32, [f32; 2]) {
        let (dx, dy) = (x - self.centre[0], y - self.centre[1]);
        let reach = 1.6 * self.radius + 20.0;
        if dx * dx + dy * dy > reach * reach {
            return (f32::MAX, [f32::MAX; 2]);
        }
        let (sin, cos) = self.turn.sin_cos();
        let (u, v) = ((cos * dx + sin * dy) / self.stretch, (cos * dy - sin * dx) * self.stretch);
        let angle = v.atan2(u);
        let waves: f32 =
            (2..).zip(&self.waves).map(|(order, (size, phase))| size * (order as f32 * angle + phase).cos()).sum();
        let jitter = self.ragged * noise.octaves(x * 0.06, y * 0.06, 3.0, 2);
        let length = (u * u + v * v).sqrt();
        (length - self.radius * (1.0 + waves) + jitter, [u / self.radius, v / self.radius])
    }
}

/// Makes a photograph.
#[must_use]
pub fn photograph(case: &Case) -> Photograph {
    let mut random = Random::new(case.seed, 0x736b_696e);
    let noise = Noise::new(case.seed);
    let palette = Palette::new(&mut random);
    let outline = Outline::new(case.kind, &mut random);
    let pattern = Pattern::new(case.kind, &mut random);
    let second = case.mixed.map(|(kind, share)| (Pattern::new(kind, &mut random), share));
    let mut layer = Layer::new(&mut random, outline.centre, outline.radius, case.marker);
    let light = Light::new(&mut random);
    let grain = random.range(2.0, 5.0);

    let mut pixels = Vec::with_capacity(ROWS * COLUMNS * 3);
    let mut lesion = Vec::with_capacity(ROWS * COLUMNS);
    for row in 0..ROWS {
        for column in 0..COLUMNS {
            let (x, y) = (column as f32 + 0.5, row as f32 + 0.5);
            let skin = palette.skin(x, y, &noise);
            let (distance, place) = outline.distance(x, y, &noise);
            lesion.push(distance < 0.0);
            let mut colour = skin;
            if distance < 14.0 {
                let first = pattern.colour(x, y, place, distance, skin, &noise);
                colour = match &second {
                    Some((second, share)) => {
                        let other = second.colour(x, y, place, distance, skin, &noise);
                        blend(first, other, *share)
                    }
                    None => first,
                };
            }
            colour = layer.over(colour, row, column);
            let light = light.at(x, y);
            for value in colour {
                let shown = value * light + grain * random.range(-1.0, 1.0);
                pixels.push(shown.clamp(0.0, 255.0) as u8);
            }
        }
    }
    Photograph { pixels, lesion, marker: layer.take_marker() }
}

/// The lamp: brightest in the middle; some instruments leave the corners black.
struct Light {
    centre: [f32; 2],
    fall: f32,
    rim: f32,
}

impl Light {
    fn new(random: &mut Random) -> Self {
        Self {
            centre: [COLUMNS as f32 * random.range(0.45, 0.55), ROWS as f32 * random.range(0.45, 0.55)],
            fall: random.range(0.06, 0.22),
            rim: if random.chance(0.45) { random.range(150.0, 175.0) } else { 400.0 },
        }
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        let (dx, dy) = (x - self.centre[0], y - self.centre[1]);
        let radius = (dx * dx + dy * dy).sqrt();
        let fall = 1.0 - self.fall * (radius / 150.0) * (radius / 150.0);
        fall * (1.0 - ((radius - self.rim) / 9.0 + 0.5).clamp(0.0, 0.97))
    }
}

type Colour = [f32; 3];

fn blend(a: Colour, b: Colour, share: f32) -> Colour {
    std::array::from_fn(|channel| a[channel] + (b[channel] - a[channel]) * share)
}

/// A ramp from 0 at `from` to 1 at `to`.
fn ramp(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}
