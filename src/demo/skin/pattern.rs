//! The surface of skin and of each kind of lesion.

use super::{Colour, Kind, blend, ramp};
use crate::demo::random::{Noise, Random};

/// One person's skin.
pub struct Palette {
    tone: Colour,
    lines: f32,
    turn: f32,
    blotch: f32,
}

impl Palette {
    pub fn new(random: &mut Random) -> Self {
        let tan = random.unit();
        let pink = random.range(-8.0, 8.0);
        let tone = blend([238.0, 203.0, 186.0], [204.0, 156.0, 126.0], tan);
        Self {
            tone: [tone[0], tone[1] + pink, tone[2] + pink * 0.6],
            lines: random.range(2.0, 7.0),
            turn: random.range(0.0, 3.0),
            blotch: random.range(5.0, 13.0),
        }
    }

    /// The colour of bare skin: blotches, fine crossing lines, pores.
    pub fn skin(&self, x: f32, y: f32, noise: &Noise) -> Colour {
        let blotch = noise.octaves(x * 0.018, y * 0.018, 9.0, 2) * self.blotch;
        let (sin, cos) = self.turn.sin_cos();
        let warp = 2.0 * noise.at(x * 0.05, y * 0.05, 1.0);
        let (u, v) = (cos * x + sin * y + warp * 3.0, cos * y - sin * x + warp * 3.0);
        let line = |a: f32| 1.0 - ramp(0.0, 0.35, noise.at(a * 0.11, 4.0 + (u - v) * 0.01, 7.0).abs());
        let lines = self.lines * (line(u) + line(v * 0.9 + 0.4 * u));
        let pore = noise.at(x * 0.4, y * 0.4, 2.0) * 4.0;
        let shade = blotch * 0.6 - lines + pore;
        [self.tone[0] + shade, self.tone[1] + shade - blotch * 0.5, self.tone[2] + shade - blotch * 0.4]
    }
}

/// The inside of one lesion.
pub struct Pattern {
    kind: Kind,
    dark: f32,
    pitch: f32,
    turn: f32,
    offset: f32,
    veil: [f32; 2],
    spots: Vec<[f32; 3]>,
    cells: Vec<[f32; 3]>,
}

impl Pattern {
    pub fn new(kind: Kind, random: &mut Random) -> Self {
        let disc = |random: &mut Random, reach: f32| {
            let (angle, radius) = (random.range(0.0, std::f32::consts::TAU), reach * random.unit().sqrt());
            [radius * angle.cos(), radius * angle.sin()]
        };
        let spots = match kind {
            Kind::Melanoma => 14 + random.below(14),
            Kind::Keratosis => 16 + random.below(16),
            Kind::Naevus | Kind::Vascular => 0,
        };
        let cells = if kind == Kind::Vascular { 16 + random.below(12) } else { 0 };
        Self {
            kind,
            dark: random.range(0.75, 1.15),
            pitch: random.range(0.62, 0.85),
            turn: random.range(0.0, 3.0),
            offset: random.range(0.0, 25.0),
            veil: disc(random, 0.4),
            spots: (0..spots)
                .map(|_| {
                    let [u, v] = disc(random, 0.92);
                    [u, v, random.range(0.025, 0.062)]
                })
                .collect(),
            cells: (0..cells)
                .map(|_| {
                    let [u, v] = disc(random, 0.95);
                    [u, v, random.unit()]
                })
                .collect(),
        }
    }

    /// The colour at a pixel: `place` is the position in units of the lesion's radius, `distance` that from its
    /// outline in pixels.
    pub fn colour(&self, x: f32, y: f32, place: [f32; 2], distance: f32, skin: Colour, noise: &Noise) -> Colour {
        match self.kind {
            Kind::Naevus => self.naevus(x, y, place, distance, skin, noise),
            Kind::Melanoma => self.melanoma(x, y, place, distance, skin, noise),
            Kind::Keratosis => self.keratosis(x, y, place, distance, skin, noise),
            Kind::Vascular => self.vascular(x, y, place, distance, skin, noise),
        }
    }

    /// A network of dark lines about lighter holes: three waves at 60° to each other make a honeycomb.
    fn network(&self, x: f32, y: f32, warp: f32, noise: &Noise) -> f32 {
        let (wx, wy) = (
            x + warp * noise.at(x * 0.05, y * 0.05, self.offset),
            y + warp * noise.at(x * 0.05, y * 0.05, self.offset + 9.0),
        );
        let wave = |turn: f32| {
            let (sin, cos) = (self.turn + turn).sin_cos();
            (self.pitch * (cos * wx + sin * wy)).cos()
        };
        let holes = wave(0.0) + wave(2.094) + wave(4.189);
        1.0 - ramp(-1.2, 0.9, holes)
    }

    fn naevus(&self, x: f32, y: f32, place: [f32; 2], distance: f32, skin: Colour, noise: &Noise) -> Colour {
        let radius = (place[0] * place[0] + place[1] * place[1]).sqrt();
        let core = blend([164.0, 108.0, 70.0], [112.0, 68.0, 42.0], (1.0 - radius).clamp(0.0, 1.0) * self.dark);
        let lines = self.network(x, y, 6.0, noise);
        let mottle = 10.0 * noise.octaves(x * 0.05, y * 0.05, self.offset, 2);
        let body = blend(core, [74.0, 42.0, 26.0], 0.42 * lines * self.dark).map(|value| value + mottle);
        blend(skin, body, 0.93 * (1.0 - ramp(-9.0, 5.0, distance)))
    }

    fn melanoma(&self, x: f32, y: f32, place: [f32; 2], distance: f32, skin: Colour, noise: &Noise) -> Colour {
        let zone = noise.octaves(x * 0.022, y * 0.022, self.offset, 3);
        let other = noise.octaves(x * 0.026, y * 0.026, self.offset + 13.0, 2);
        let mut body = blend([142.0, 92.0, 62.0], [66.0, 40.0, 30.0], ramp(-0.45, 0.25, zone));
        body = blend(body, [30.0, 22.0, 24.0], ramp(0.15, 0.5, zone));
        body = blend(body, [176.0, 104.0, 96.0], 0.8 * ramp(0.25, 0.6, other));
        let lines = self.network(x, y, 26.0, noise) * ramp(-0.1, 0.3, -zone);
        body = blend(body, [48.0, 28.0, 22.0], 0.55 * lines);
        let (du, dv) = (place[0] - self.veil[0], place[1] - self.veil[1]);
        let veil = (du * du + dv * dv).sqrt() + 0.35 * other;
        body = blend(body, [122.0, 138.0, 168.0], 0.85 * (1.0 - ramp(0.22, 0.5, veil)));
        body = blend(body, [24.0, 17.0, 18.0], 0.9 * self.spot(place));
        let edge = ramp(-3.0, 3.0, distance + 7.0 * noise.at(x * 0.09, y * 0.09, self.offset + 3.0));
        blend(skin, body, 0.97 * (1.0 - edge))
    }

    fn keratosis(&self, x: f32, y: f32, place: [f32; 2], distance: f32, skin: Colour, noise: &Noise) -> Colour {
        let waxy = noise.octaves(x * 0.045, y * 0.045, self.offset, 3);
        let mut body = blend([186.0, 148.0, 98.0], [138.0, 106.0, 74.0], 0.5 + 0.6 * waxy * self.dark);
        let ridge = noise.at(x * 0.075, y * 0.075, self.offset + 5.0).abs();
        body = blend(body, [104.0, 78.0, 54.0], 0.5 * (1.0 - ramp(0.0, 0.16, ridge)));
        // Every third opening is a plugged (dark) one, the others milia.
        let (milia, plugs): (Vec<_>, Vec<_>) = (0..self.spots.len()).partition(|index| index % 3 != 0);
        body = blend(body, [250.0, 240.0, 214.0], 0.95 * self.spot_of(place, &milia));
        body = blend(body, [62.0, 42.0, 30.0], 0.9 * self.spot_of(place, &plugs));
        let rim = 1.0 - ramp(0.0, 3.5, (distance + 2.5).abs());
        body = blend(body, [118.0, 86.0, 60.0], 0.5 * rim);
        blend(skin, body, 0.97 * (1.0 - ramp(-1.2, 1.2, distance)))
    }

    fn vascular(&self, x: f32, y: f32, place: [f32; 2], distance: f32, skin: Colour, noise: &Noise) -> Colour {
        let warp = 0.10 * noise.octaves(x * 0.06, y * 0.06, self.offset, 2);
        let (u, v) = (place[0] + warp, place[1] - warp);
        let (mut first, mut second, mut hue) = (f32::MAX, f32::MAX, 0.0);
        for [cu, cv, value] in &self.cells {
            let gap = ((u - cu) * (u - cu) + (v - cv) * (v - cv)).sqrt();
            if gap < first {
                (second, first, hue) = (first, gap, *value);
            } else {
                second = second.min(gap);
            }
        }
        // Round islands: near a cell's own middle and clear of the next cell.
        let lagoon = ramp(0.02, 0.12, second - first) * (1.0 - ramp(0.17, 0.3, first));
        let red = blend([190.0, 30.0, 42.0], [92.0, 20.0, 58.0], hue);
        let shine = 22.0 * noise.at(x * 0.07, y * 0.07, self.offset + 2.0);
        let body = blend([226.0, 158.0, 152.0], red, 0.92 * lagoon).map(|value| value + shine);
        blend(skin, body, 0.96 * (1.0 - ramp(-3.0, 3.0, distance)))
    }

    fn spot(&self, place: [f32; 2]) -> f32 {
        self.spots.iter().fold(0.0, |most: f32, spot| most.max(round(place, *spot)))
    }

    fn spot_of(&self, place: [f32; 2], which: &[usize]) -> f32 {
        which.iter().fold(0.0, |most: f32, index| most.max(round(place, self.spots[*index])))
    }
}

fn round(place: [f32; 2], [u, v, radius]: [f32; 3]) -> f32 {
    let (du, dv) = (place[0] - u, place[1] - v);
    1.0 - ramp(radius * 0.6, radius * 1.15, (du * du + dv * dv).sqrt())
}
