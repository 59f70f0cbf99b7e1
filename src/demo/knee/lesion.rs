//! Tears: where they are and what they look like.

use super::anatomy::{Anatomy, MENISCI, PLATEAU_TOP};
use super::shape::{Point, cover, dot, length, sub};
use crate::demo::random::Random;

/// The inner or the outer side of the knee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Towards the other knee.
    Medial = 0,
    /// Away from the other knee.
    Lateral = 1,
}

/// What is torn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tear {
    /// A cleft through a meniscus that fills with fluid.
    Meniscus(Side),
    /// The anterior cruciate ligament, frayed in its middle.
    AnteriorCruciate,
}

/// One tear: the part of a structure within `radius` of `centre`, for a meniscus only the cleft.
#[derive(Debug, Clone)]
pub struct Lesion {
    /// What is torn.
    pub tear: Tear,
    /// Middle of the tear, in the knee's own millimetres.
    pub centre: Point,
    /// How far it reaches, in millimetres.
    pub radius: f32,
    normal: Point,
    half_width: f32,
}

impl Lesion {
    /// A tear in one of the menisci, in the hind horn or (less often) in front.
    #[must_use]
    pub fn meniscal(side: Side, random: &mut Random) -> Self {
        let (centre, radii) = MENISCI[side as usize];
        // 0 points straight back, positive angles outwards; the horns are where tears happen.
        let angle = if random.chance(0.75) { random.range(-0.25, 0.8) } else { random.range(2.3, 3.0) };
        let outwards = if centre[0] > 0.0 { 1.0 } else { -1.0 };
        let rho = random.range(0.72, 0.82);
        let position = [
            centre[0] + outwards * angle.sin() * rho * radii[0],
            centre[1] + angle.cos() * rho * radii[1],
            PLATEAU_TOP + 2.3,
        ];
        // An oblique cleft, aslant to the ring so that no plane of slices runs along it: each plane shows it.
        let lean = random.range(-0.5, 0.5);
        let sense = if random.chance(0.5) { 1.0 } else { -1.0 };
        let turn = angle + sense * random.range(0.45, 0.85);
        let normal = [outwards * turn.sin() * lean.cos(), turn.cos() * lean.cos(), lean.sin()];
        Self {
            tear: Tear::Meniscus(side),
            centre: position,
            radius: random.range(7.5, 9.5),
            normal,
            half_width: random.range(1.7, 2.3),
        }
    }

    /// A tear of the anterior cruciate ligament.
    #[must_use]
    pub fn cruciate(anatomy: &Anatomy, random: &mut Random) -> Self {
        let [a, b] = anatomy.acl();
        let t = random.range(0.35, 0.6);
        let centre = [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
        Self { tear: Tear::AnteriorCruciate, centre, radius: random.range(6.5, 8.5), normal: [0.0; 3], half_width: 0.0 }
    }

    /// How much of a point in this structure is torn (`side` is the meniscus, none the cruciate ligament).
    #[must_use]
    pub fn share(&self, p: Point, side: Option<Side>) -> f32 {
        let offset = sub(p, self.centre);
        match (self.tear, side) {
            (Tear::Meniscus(own), Some(side)) if own == side => {
                cover(length(offset) - self.radius, 1.5) * cover(dot(offset, self.normal).abs() - self.half_width, 0.8)
            }
            (Tear::AnteriorCruciate, None) => cover(length(offset) - self.radius, 3.0),
            _ => 0.0,
        }
    }

    /// Whether a point belongs to the tear: at least half torn, at least half in the structure.
    #[must_use]
    pub fn contains(&self, anatomy: &Anatomy, p: Point) -> bool {
        if length(sub(p, self.centre)) > self.radius + 1.0 {
            return false;
        }
        match self.tear {
            Tear::Meniscus(side) => self.share(p, Some(side)) * anatomy.meniscus(p, side) >= 0.4,
            Tear::AnteriorCruciate => self.share(p, None) * anatomy.anterior_cruciate(p) >= 0.4,
        }
    }
}
