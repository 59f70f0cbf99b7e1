//! What lies over the skin in real photographs: hairs, a ruler's ticks, bubbles in the gel, ink.

use super::{COLUMNS, Colour, ROWS, blend, ramp};
use crate::demo::random::Random;

/// Colours drawn over the skin, with how much they hide of it.
pub struct Layer {
    share: Vec<f32>,
    colour: Vec<Colour>,
    marker: Vec<bool>,
}

impl Layer {
    /// Draws whatever chance brings; `centre` and `radius` are the lesion's.
    pub fn new(random: &mut Random, centre: [f32; 2], radius: f32, marker: bool) -> Self {
        let mut layer = Self {
            share: vec![0.0; ROWS * COLUMNS],
            colour: vec![[0.0; 3]; ROWS * COLUMNS],
            marker: vec![false; ROWS * COLUMNS],
        };
        // What chance brings must not depend on whether there is ink.
        let mut ink = Random::new(random.bits(), 0x0069_6e6b);
        if marker {
            layer.ink(&mut ink, centre, radius);
        }
        if random.chance(0.3) {
            layer.ruler(random);
        }
        if random.chance(0.35) {
            for _ in 0..=random.below(4) {
                layer.bubble(random);
            }
        }
        if random.chance(0.7) {
            let shade = random.range(0.0, 1.0);
            for _ in 0..random.below(9) {
                layer.hair(random, blend([38.0, 28.0, 24.0], [104.0, 72.0, 48.0], shade));
            }
        }
        layer
    }

    /// A colour as seen through the layer.
    pub fn over(&self, colour: Colour, row: usize, column: usize) -> Colour {
        let index = row * COLUMNS + column;
        blend(colour, self.colour[index], self.share[index])
    }

    /// The pixels of the ink.
    pub fn take_marker(&mut self) -> Vec<bool> {
        std::mem::take(&mut self.marker)
    }

    /// Paints a disc with a soft rim over what is there.
    fn disc(&mut self, x: f32, y: f32, radius: f32, colour: Colour, strength: f32) {
        self.paint(x, y, radius + 1.0, |_, gap| (strength * (1.0 - ramp(radius - 0.7, radius + 0.7, gap)), colour));
    }

    fn paint(&mut self, x: f32, y: f32, reach: f32, brush: impl Fn(usize, f32) -> (f32, Colour)) {
        let span = |middle: f32, end: usize| {
            let from = (middle - reach).floor().max(0.0) as usize;
            from..((middle + reach).ceil().max(0.0) as usize).min(end)
        };
        for row in span(y, ROWS) {
            for column in span(x, COLUMNS) {
                let (dx, dy) = (column as f32 + 0.5 - x, row as f32 + 0.5 - y);
                let index = row * COLUMNS + column;
                let (share, colour) = brush(index, (dx * dx + dy * dy).sqrt());
                if share > 0.0 {
                    self.colour[index] =
                        if self.share[index] == 0.0 { colour } else { blend(self.colour[index], colour, share) };
                    self.share[index] = self.share[index].max(share);
                }
            }
        }
    }

    fn hair(&mut self, random: &mut Random, colour: Colour) {
        let point =
            |random: &mut Random| [random.range(-40.0, COLUMNS as f32 + 40.0), random.range(-40.0, ROWS as f32 + 40.0)];
        let (a, b, c) = (point(random), point(random), point(random));
        let width = random.range(0.5, 1.0);
        let steps = 420;
        for step in 0..=steps {
            let t = step as f32 / steps as f32;
            let along = |axis: usize| (1.0 - t) * (1.0 - t) * a[axis] + 2.0 * t * (1.0 - t) * b[axis] + t * t * c[axis];
            self.disc(along(0), along(1), width * (1.0 - 0.5 * t), colour, 0.8);
        }
    }

    fn ruler(&mut self, random: &mut Random) {
        let (pitch, low) = (random.range(11.0, 16.0), random.chance(0.5));
        let edge = if low { ROWS as f32 - 3.0 } else { 3.0 };
        let inwards = if low { -1.0 } else { 1.0 };
        for tick in 0..(COLUMNS as f32 / pitch) as usize {
            let length = if tick % 5 == 0 { 14 } else { 8 };
            for step in 0..length {
                let x = (tick as f32 + 0.5) * pitch;
                self.disc(x, edge + inwards * step as f32, 0.8, [30.0, 30.0, 34.0], 0.85);
            }
        }
    }

    fn bubble(&mut self, random: &mut Random) {
        let (x, y) = (random.range(0.0, COLUMNS as f32), random.range(0.0, ROWS as f32));
        let radius = random.range(3.0, 10.0);
        self.paint(x, y, radius + 2.0, |_, gap| {
            (0.55 * (1.0 - ramp(0.4, 1.5, (gap - radius).abs())), [246.0, 240.0, 236.0])
        });
        self.disc(x - radius * 0.4, y - radius * 0.4, radius * 0.2, [255.0, 255.0, 252.0], 0.8);
    }

    /// A blob of surgical ink at the edge of the picture, clear of the lesion.
    fn ink(&mut self, random: &mut Random, centre: [f32; 2], radius: f32) {
        let size = random.range(17.0, 25.0);
        let inner = 34.0;
        let mut best = ([inner, inner], 0.0);
        for _ in 0..24 {
            let place = [random.range(inner, COLUMNS as f32 - inner), random.range(inner, ROWS as f32 - inner)];
            let gap = (place[0] - centre[0]).hypot(place[1] - centre[1]) - radius - size;
            if gap > best.1 {
                best = (place, gap);
            }
        }
        let ([x, y], _) = best;
        let colour = blend([36.0, 52.0, 178.0], [104.0, 38.0, 168.0], random.unit());
        let phase = random.range(0.0, 6.0);
        for blob in 0..5 {
            let angle = phase + blob as f32 * 1.257;
            let (bx, by) = (x + 0.35 * size * angle.cos(), y + 0.35 * size * angle.sin());
            self.disc(bx, by, size * random.range(0.5, 0.7), colour, 0.88);
        }
        for (index, marked) in self.marker.iter_mut().enumerate() {
            *marked = self.share[index] > 0.4;
        }
    }
}
